/** What an id names; the prefix makes it readable in logs, errors and on the command line. */
export type IdPrefix =
  'req' | 'grt' | 'apr' | 'ses' | 'dec' | 'lgn' | 'err' | 'aud' | 'con' | 'dlv' | 'usr' | 'grp' | 'lck' | 'brk' | 'pky'

/** A new id: prefix, underscore, 13 random characters of Crockford's base32 (65 bits). */
export function newId(prefix: IdPrefix): string {
  if (used === text.length) refill()
  used += LENGTH
  return `${prefix}_${text.slice(used - LENGTH, used)}`
}

/** One call of the system's generator for many ids, and one text that all of them are cut from. */
function refill(): void {
  crypto.getRandomValues(pool)
  for (let n = 0; n < pool.length; n++) pool[n] = CODES[(pool[n] as number) & 31] as number
  text = decoder.decode(pool)
  used = 0
}

/** Whether the text could be an id, or the beginning of one, with one of these prefixes. */
export function looksLikeId(text: string, prefixes: readonly IdPrefix[]): boolean {
  const match = /^([a-z]{3})_[0-9a-hjkmnp-tv-z]{0,13}$/.exec(text)
  return match !== null && prefixes.some((prefix) => prefix === match[1])
}

const LENGTH = 13
const pool = new Uint8Array(LENGTH * 256)
const decoder = new TextDecoder()
let text = ''
let used = 0
/** Crockford's base32, as bytes. */
const CODES = new TextEncoder().encode('0123456789abcdefghjkmnpqrstvwxyz')
