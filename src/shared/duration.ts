/** Durations as people write them: `90s`, `30m`, `1h30m`, `2d`. Milliseconds inside. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d{1,6}[dhms])+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+)([dhms])/g))
    total += Number(amount) * UNITS[unit as keyof typeof UNITS]
  return total > 0 ? total : undefined
}

/** `5400000` reads `1h30m`; below a second `0s`. */
export function formatDuration(milliseconds: number): string {
  let left = Math.max(0, Math.round(milliseconds / 1000)) * 1000
  let text = ''
  for (const [unit, size] of Object.entries(UNITS)) {
    const amount = Math.floor(left / size)
    if (amount > 0) text += `${amount}${unit}`
    left -= amount * size
  }
  return text === '' ? '0s' : text
}

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const
