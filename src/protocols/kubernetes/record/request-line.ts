import type { ApiRequest } from '../request/api-request.ts'

export interface Keeping {
  /** A text, with something else in place of each secret in it. */
  readonly keep: (text: string) => string
  /** What stands in place of a value that is secret as a whole. */
  readonly mark: (value: string) => string
}

/**
 * Method, path and query of a request, spelled as they were sent but for segments, values and words of a command in which there is a secret: these are shown
 * decoded. In percent encoding no secret would be found, and an option and its value are two parameters of the query.
 */
export function requestLine(
  { method, query }: Pick<ApiRequest, 'method' | 'query'>,
  target: string,
  keeping: Keeping,
): string {
  const at = target.indexOf('?')
  const path = keptPath(at < 0 ? target : target.slice(0, at), keeping)
  return `${method} ${path}${at < 0 ? '' : `?${keptQuery(target.slice(at + 1), query, keeping)}`}`
}

/** Of a path as it was sent. */
export const keptPath = (path: string, { keep }: Pick<Keeping, 'keep'>): string =>
  path
    .split('/')
    .map((segment) => keptOf(segment, decode(segment), keep))
    .join('/')

/** The command of an exec as one text, in which an option is followed by its value. */
export function commandText({ query }: Pick<ApiRequest, 'query'>): string {
  const words = query.get('command') ?? []
  return words.join(blankFor(words))
}

function keptQuery(text: string, query: ApiRequest['query'], keeping: Keeping): string {
  const words = keptWords(query.get('command') ?? [], keeping)
  let next = 0
  return text
    .split('&')
    .map((pair) => {
      if (pair === '') return pair
      const at = pair.indexOf('=')
      const [name, value] = at < 0 ? [pair, undefined] : [pair.slice(0, at), pair.slice(at + 1)]
      const decoded = decodeParameter(name)
      const shown = decoded === 'command' ? words[next++] : keptValue(decoded, value ?? '', keeping)
      return `${keptOf(name, decoded, keeping.keep)}${value === undefined ? '' : `=${shown ?? value}`}`
    })
    .join('&')
}

/** Undefined where it stands as it was sent. */
function keptValue(name: string, value: string, { keep, mark }: Keeping): string | undefined {
  const decoded = decodeParameter(value)
  // The whole value of what a password is called: a sign in it would end it for who reads a text.
  const probe = `${name}=${PROBE}`
  if (decoded !== '' && keep(probe) !== probe) return mark(decoded)
  const kept = keep(decoded)
  return kept === decoded ? undefined : kept
}

/**
 * What is shown in place of each word of a command; undefined where it stands as it was sent. A word behind what a password is called is one, whatever signs are in
 * it, but for one with blanks, which may be a script.
 */
export function keptWords(words: readonly string[], { keep, mark }: Keeping): readonly (string | undefined)[] {
  const blank = blankFor(words)
  const together = keep(words.join(blank)).split(blank)
  const kept = together.length === words.length ? together : words.map(keep)
  return words.map((word, index) => {
    const before = words[index - 1]
    if (before !== undefined && /^\S+$/.test(word) && !keep(`${before} ${PROBE}`).endsWith(PROBE)) return mark(word)
    return kept[index] === word ? undefined : kept[index]
  })
}

/** One that none of them has, if there is any. */
const blankFor = (words: readonly string[]): string =>
  BLANKS.find((sign) => !words.some((word) => word.includes(sign))) ?? ' '

const keptOf = (spelled: string, decoded: string, keep: Keeping['keep']): string => {
  const kept = keep(decoded)
  return kept === decoded ? spelled : kept
}

const decodeParameter = (text: string): string => decode(text.replaceAll('+', ' '))

/** Of a request that was read, whose encoding is right. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const BLANKS = ['\n', '\t', '\v', '\f', '\u2028']
/** No secret of a kind. */
const PROBE = 'abcdefgh'
