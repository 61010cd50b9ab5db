/** Plain HTTP that does not leave this machine. */
export const LOOPBACK_URL: RegExp = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])([:/]|$)/
