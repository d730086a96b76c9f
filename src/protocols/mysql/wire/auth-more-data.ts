/** AuthMoreData, sent by the server: further data of an authentication method. Spec: Protocol::AuthMoreData. */
export const readAuthMoreData = (payload: Buffer): Buffer => payload.subarray(1)

export const encodeAuthMoreData = (data: Uint8Array): Buffer => Buffer.concat([Buffer.of(AUTH_MORE_DATA), data])

export const AUTH_MORE_DATA = 0x01
