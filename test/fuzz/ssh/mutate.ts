import { Grammar } from './grammar.ts'
import type { Random } from './random.ts'
import { PLAIN_WORDS, PUNCTUATION, STARTS, SYNTAX } from './words.ts'

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
    // What should make no difference.
    [
      10,
      () => {
        const place = random.below(text.length + 1)
        return `${text.slice(0, place)}${random.pick(['\\\n', '\\\n', "''", '""', '\\', ' ', '\n', '\t', '$()'])}${text.slice(place)}`
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

/** Pieces of shell syntax in any order: little of it is a script, and what is may be one of another kind than it looks. */
export function soup(random: Random): string {
  const count = 3 + random.below(10)
  let text = random.chance(70) ? random.pick(STARTS) : ''
  for (let at = 0; at < count; at++) {
    text += random.weighted<() => string>([
      [35, () => random.pick(SYNTAX)],
      [25, () => random.pick(PUNCTUATION)],
      [20, () => ' '],
      [14, () => random.pick(PLAIN_WORDS)],
      [6, () => '\n'],
    ])()
  }
  return text
}

/** Words, blanks and operators, roughly as a shell would see them. */
export const tokensOf = (text: string): readonly string[] =>
  text.match(/[A-Za-z0-9_./-]+|\s+|&&|\|\||;;|<<<?|>>|\$\(\(|\$\(|\$\{|\\.|[^]/gu) ?? []
