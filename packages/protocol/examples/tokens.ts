import type { Action } from '@graft-ts/protocol'
import { jwtAuthorize, newSigningKey, signToken } from '@graft-ts/protocol/jwt'
import { newVolumeId, systemIdSource } from '@graft-ts/volume'

// An issuer of one's own. The server is given the public half of the key.
const [issuer, audience] = ['https://login.example', 'https://graft.example']
const key = await newSigningKey()
const authorize = jwtAuthorize({ audience, issuers: [{ issuer, keys: [key.publicKey] }] })

// A token that reads one volume, for an hour.
const volumeId = newVolumeId(systemIdSource)
const grants = [{ actions: ['read' as const], volumes: [volumeId] }]
const token = await signToken(key.privateKey, { issuer, audience, subject: 'user-17', grants, lifetimeMs: 3_600_000 })

// What a store asks before each call.
const headers = new Headers({ authorization: `Bearer ${token}` })
const ask = (action: Action) => authorize({ headers, action, volumeId })
console.log((await ask('read')).id)
console.log(await ask('write').catch((error: { code: string }) => error.code))
