import { Grammar } from './grammar.ts'
import type { Random } from './random.ts'
import { PUNCTUATION } from './words.ts'

/** Changes a script at one place or a few, or puts two together. */
export function mutated(text: string, other: string, random: Random): string {
  let changed = text
  const times = 1 + random.below(3)
  for (let at = 0; at < times; at++) changed = once(changed, other, random)
  return changed.slice(0, 400)
}

function once(text: string, other: string, random: Random): string {
  const tokens = tokensOf(text)
  const at = random.below(tokens.length + 1)
  const grammar = new Grammar(random)
  const around = (middle: readonly string[], removed = 0): string =>
    [...tokens.slice(0, at), ...middle, ...tokens.slice(at + removed)].join('')
  return random.weighted<() => string>([
    [20, () => around([grammar.piece()], 1)],
    [14, () => around([' ', grammar.piece(), ' '])],
    [12, () => around([], 1)],
    [12, () => around([random.pick(PUNCTUATION)])],
    [8, () => around([random.pick(PUNCTUATION)], 1)],
    [6, () => around([random.pick(tokensOf(other))], 1)],
    [6, () => `${text}${random.pick(['; ', '\n', ' && ', ' | '])}${other}`],
    [4, () => around([tokens[at] ?? '', tokens[at] ?? ''], 1)],
    [4, () => around(tokens.slice(at, at + 2).toReversed(), 2)],
    [
      8,
      () => {
        const place = random.below(text.length + 1)
        return `${text.slice(0, place)}${random.pick(PUNCTUATION)}${text.slice(place)}`
      },
    ],
    [
      6,
      () => {
        const place = random.below(text.length + 1)
        return text.slice(0, place) + text.slice(place + 1)
      },
    ],
  ])()
}

/** Words, blanks and operators, roughly as a shell would see them. */
export const tokensOf = (text: string): readonly string[] =>
  text.match(/[A-Za-z0-9_./-]+|\s+|&&|\|\||;;|<<<?|>>|\$\(\(|\$\(|\$\{|\\.|[^]/gu) ?? []
