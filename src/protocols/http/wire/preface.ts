/** How an HTTP/2 client begins (RFC 9113, section 3.4). No request of HTTP/1.1 begins so: there is no method of that name. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** Which version of HTTP a client speaks, by what it sends first; undefined while that does not tell. */
export function versionOf(bytes: Buffer): '1.1' | '2' | undefined {
  const length = Math.min(bytes.length, PREFACE.length)
  if (!bytes.subarray(0, length).equals(PREFACE.subarray(0, length))) return '1.1'
  return length < PREFACE.length ? undefined : '2'
}
