/** What readers take for the same, although it is spelled differently. Rules that deny or hold look at requests so; those that allow never do. */

/** Without letter case and accents. Both ways, since some letters have the same capital and others the same small letter. */
export function fold(text: string): string {
  if (/^\p{ASCII}*$/u.test(text)) return text.toLowerCase()
  return text
    .normalize('NFKD')
    .replaceAll(/\p{M}+/gu, '')
    .toUpperCase()
    .toLowerCase()
}

/**
 * Names of parameters and of values in JSON: PHP has one name for `a.b`, `a b` and `a[b`, lists have brackets, Go and .NET look at no letter case,
 * and Protocol Buffers take `orderStatus` and `order_status` for each other.
 */
export const foldName = (name: string): string =>
  fold(name)
    .replace(/\0.*$/s, '')
    .trim()
    .replace(/^\[+/, '')
    .replace(/[[\]].*$/s, '')
    .replaceAll(/[._\s-]/g, '')

/** Whether some reader takes two names of members in JSON for the same. */
export const isSameName = (one: string, other: string): boolean =>
  fold(one) === fold(other) || (foldName(one) === foldName(other) && foldName(other) !== '')

export type Scalar = string | number | boolean | null

/** Whether a reader may take a value for the wanted one: texts become numbers, numbers become truth values, and so on. */
export function isAlike(value: unknown, wanted: Scalar): boolean {
  if (typeof value === 'object' && value !== null) return false
  const [one, other] = [plain(String(value)), plain(String(wanted))]
  if (one === other) return true
  if (other === 'true') return !FALSE.has(one)
  if (other === 'false') return FALSE.has(one)
  if (other === '' || other === 'null') return one === '' || one === 'null'
  const number = Number(other)
  // Where a text is wanted, a number may be its place in a list of names, as in Protocol Buffers and .NET.
  if (Number.isNaN(number)) return one !== '' && !Number.isNaN(Number(one))
  return numbersIn(one).includes(number)
}

/** As a reader of C or a database has it. */
const plain = (text: string): string => fold(text).replace(/\0.*$/s, '').trim()

/** PHP and Ruby read a number in front of a text, Java cuts off what follows the point. */
function numbersIn(text: string): number[] {
  if (text === 'true') return [1]
  if (text === 'false' || text === '' || text === 'null') return [0]
  const front = Number.parseFloat(text)
  return [Number(text), Number(text.replaceAll(/[_,\s]/g, '')), front, Math.trunc(front)]
}

const FALSE: ReadonlySet<string> = new Set(['', '0', '0.0', 'false', 'f', 'no', 'n', 'off', 'null', 'none', 'nil'])
