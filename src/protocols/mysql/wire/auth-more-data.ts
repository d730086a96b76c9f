/** AuthMoreData, sent by the server: what a method asks or says in between. Spec: Protocol::AuthMoreData. */
export const readAuthMoreData = (payload: Buffer): Buffer => payload.subarray(1)

export const encodeAuthMoreData = (data: Uint8Array): Buffer => Buffer.concat([Buffer.of(AUTH_MORE_DATA), data])

export const AUTH_MORE_DATA = 0x01
