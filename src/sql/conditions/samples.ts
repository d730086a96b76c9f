import { partsOf } from '../parts.ts'
import type { Constant, Expression } from '../query.ts'
import { isOfRow, type OwnRow } from './own-row.ts'
import type { ConditionTerms } from './terms.ts'
import { UNKNOWN, type Value } from './values.ts'

/** Values to try, by column. */
export type Samples = ReadonlyMap<string, readonly Value[]>

/** No values where nothing shows their kind. */
export const SOME_VALUES: readonly Value[] = [UNKNOWN]

/** For each column of the condition, values around the constants that it is compared with, of their kind. */
export function samplesOf(where: Expression, names: OwnRow): Samples {
  const found = new Map<string, { readonly constants: Constant[]; isText: boolean }>()
  const { conditions } = names.dialect
  const visit = (node: Expression): void => {
    const compares = node.kind === 'operation' || (node.kind === 'case' && node.operand !== undefined)
    if (!compares) {
      for (const part of partsOf(node).expressions) visit(part)
      return
    }
    const keys = new Map<string, boolean>()
    const constants: Constant[] = []
    const within = (part: Expression, isText: boolean): void => {
      if (part.kind === 'column') {
        const key = isOfRow(part.path, names) ? String(part.path.at(-1)) : JSON.stringify(part.path)
        keys.set(key, isText || keys.get(key) === true)
      }
      if (part.kind === 'constant' && constants.length < MAX_CONSTANTS) constants.push(part)
      const ofText =
        (part.kind === 'call' && conditions.takesText(part.name.name)) ||
        (part.kind === 'operation' && part.operators.some(({ name }) => conditions.takesText(name)))
      for (const inner of partsOf(part).expressions) within(inner, ofText)
    }
    within(node, false)
    for (const [key, isText] of keys) {
      const before = found.get(key) ?? { constants: [], isText: false }
      found.set(key, { constants: [...before.constants, ...constants], isText: before.isText || isText })
    }
  }
  visit(where)
  return new Map([...found].map(([key, { constants, isText }]) => [key, around(constants, isText, conditions)]))
}

function around(
  constants: readonly Constant[],
  isText: boolean,
  { infinityOf, isLimit }: ConditionTerms,
): readonly Value[] {
  const given = constants.filter(({ type }) => type === 'text').map(({ value }) => value)
  const texts = given.filter((value) => infinityOf(value) === undefined)
  if (given.length > texts.length && texts.length === 0 && constants.length === given.length) return ANY_NUMBERS
  const numbers = constants
    .filter(({ type }) => type === 'integer' || type === 'number')
    .map(({ value }) => Number(value))
  const textual = (): readonly Value[] => [
    ...new Set([
      '\u{10FFFF}',
      '',
      ' aA ',
      ...texts.flatMap((text) => [text, `${text}~`, text.slice(0, -1)]),
      // Numbers in comparisons with text are lengths.
      ...numbers.flatMap((length) =>
        length >= 0 && length < 1000 ? ['x'.repeat(length), 'x'.repeat(length + 1)] : [],
      ),
    ]),
  ]
  if (isText) return textual()
  const areNumbers = texts.every((text) => text.trim() !== '' && !Number.isNaN(Number(text)))
  if (texts.length > 0 && numbers.length > 0 && !areNumbers) return SOME_VALUES
  const all = [...numbers, ...(areNumbers ? texts.map(Number) : [])]
  if (all.length > 0) {
    // No value of the type is beyond its bounds.
    const most = Math.min(...all.filter(isLimit))
    const least = Math.max(...all.filter((one) => isLimit(-one) || isLimit(-one - 1)))
    return [...new Set([...ANY_NUMBERS, ...all.flatMap((one) => [one, one - 1, one + 1])])].filter(
      (one) => one < most && one > least,
    )
  }
  if (texts.length > 0) return textual()
  return constants.some(({ type }) => type === 'boolean') ? [true, false] : SOME_VALUES
}

const ANY_NUMBERS: readonly number[] = [1e15, -1e15, 1e9, -1e9, 1000, -1000, 0]

const MAX_CONSTANTS = 60
