/** What an id names; the prefix makes it readable in logs, errors and on the command line. */
export type IdPrefix = 'req' | 'grt' | 'apr' | 'ses' | 'dec' | 'lgn' | 'err' | 'aud' | 'con' | 'dlv'

/** A new id: prefix, underscore, 13 random characters of Crockford's base32 (65 bits). */
export function newId(prefix: IdPrefix): string {
  let id = `${prefix}_`
  for (const byte of crypto.getRandomValues(new Uint8Array(13))) id += ALPHABET[byte & 31]
  return id
}

/** Whether the text could be an id, or the beginning of one, with one of these prefixes. */
export function looksLikeId(text: string, prefixes: readonly IdPrefix[]): boolean {
  const match = /^([a-z]{3})_[0-9a-hjkmnp-tv-z]{0,13}$/.exec(text)
  return match !== null && prefixes.some((prefix) => prefix === match[1])
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
