/**
 * A field that says who calls, where, or how the body is read, and that a request has more than once. Node.js takes the first of them and says nothing; a
 * proxy in front may have taken another (RFC 9110, section 5.3; for Host RFC 9112, section 3.2).
 * @param rawHeaders Names and values in turn, as `IncomingMessage` has them
 */
export function repeatedField(rawHeaders: readonly string[]): string | undefined {
  const found = new Set<string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    if (!ONCE.has(name)) continue
    if (found.has(name)) return name
    found.add(name)
  }
  return undefined
}

const ONCE: ReadonlySet<string> = new Set(['host', 'authorization', 'dpop', 'content-type', 'content-length', 'origin'])
