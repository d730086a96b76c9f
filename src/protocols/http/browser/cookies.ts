/**
 * Names of the gateway's own cookies at a target's host: with the prefix, nobody but this very host can have set them (RFC 6265bis, section
 * 4.1.3). Browsers compare prefixes without regard to case, and servers names.
 */
const isOwn = (name: string): boolean => /^__(?:host|secure)-pam_/i.test(name)

/**
 * What of `Cookie` goes to the target: all but the gateway's own. What stands between semicolons stays as it is. Undefined where nothing is
 * left.
 */
export function withoutOwnCookies(header: string): string | undefined {
  const kept = header
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '' && !isOwn(nameOf(part)))
  return kept.length === 0 ? undefined : kept.join('; ')
}

/** `Cookie` with what the gateway signs in with in place of a cookie of the same name. */
export function withCookie(header: string | undefined, cookie: string): string {
  const name = nameOf(cookie)
  const others = (header ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '' && nameOf(part) !== name)
  return [...others, cookie].join('; ')
}

/**
 * A cookie that the target sets, for its own host alone: without `Domain`, over TLS alone, and with no attribute but those listed. Undefined where
 * it must not be set: it would be one of the gateway's own, or cannot be read.
 */
export function confinedCookie(value: string): string | undefined {
  const [pair = '', ...attributes] = value.split(';').map((part) => part.trim())
  const at = pair.indexOf('=')
  // Without a name, browsers send the value alone, which may look like a cookie of any name.
  if (at <= 0 || !NAME.test(pair.slice(0, at).trim()) || isOwn(pair.slice(0, at).trim())) return undefined
  const kept = attributes.filter((attribute) => PASSED.has(nameOf(attribute).toLowerCase()))
  return [pair, ...kept, 'Secure'].join('; ')
}

/** Each value replaced by what `keep` makes of it; attributes stay. */
export function mapCookieValues(header: string, keep: (value: string) => string): string {
  return header
    .split(';')
    .map((part) => part.trim())
    .map((part) => {
      const at = part.indexOf('=')
      if (ATTRIBUTES.has(nameOf(part).toLowerCase())) return part
      return at < 0 ? keep(part) : `${part.slice(0, at + 1)}${keep(part.slice(at + 1))}`
    })
    .join('; ')
}

const nameOf = (part: string): string => (part.split('=')[0] ?? '').trim()

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** `Domain` would give the cookie to every other target of the gateway. */
const PASSED = new Set(['path', 'expires', 'max-age', 'httponly', 'samesite'])
const ATTRIBUTES = new Set([...PASSED, 'secure', 'domain'])
