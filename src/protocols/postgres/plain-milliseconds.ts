const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['ms', 1],
  ['s', 1000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

/**
 * Milliseconds of a time as the server reads it, where that is plain: a whole number above zero, with a unit or without (milliseconds). Fractions,
 * microseconds and octal numbers are not plain: they may come to zero, which is no limit. Source: manual, Parameter Names and Values.
 */
export function plainMilliseconds(text: string): number | undefined {
  const [, amount, unit = ''] = /^([1-9]\d{0,9}) ?(ms|s|min|h|d)?$/.exec(text) ?? []
  const factor = UNITS.get(unit)
  return amount === undefined || factor === undefined ? undefined : Number(amount) * factor
}
