export { createNodeFrameCodec, type NodeFrameCodecOptions } from './node/node-frame-codec.ts'
