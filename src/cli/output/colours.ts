/** Whether there is colour: where a terminal shows it, always, or never. */
export const COLOURS = ['auto', 'always', 'never'] as const
export type Colour = (typeof COLOURS)[number]

export type Style = 'bold' | 'cyan' | 'green' | 'red'
export type Styles = Readonly<Record<Style, (text: string) => string>>

const same = (text: string): string => text
export const PLAIN: Styles = { bold: same, cyan: same, green: same, red: same }

/** The variables win over the setting, and NO_COLOR (no-color.org) over FORCE_COLOR (force-color.org). */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  environment: NodeJS.ProcessEnv,
  setting: () => Colour,
): boolean {
  const { NO_COLOR = '', FORCE_COLOR, TERM } = environment
  if (NO_COLOR !== '') return false
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  const colour = setting()
  if (colour !== 'auto') return colour === 'always'
  return stream.isTTY === true && TERM !== 'dumb'
}

/** The sixteen colours that every terminal has and every theme chooses. */
export async function colouredStyles(): Promise<Styles> {
  const { Chalk } = await import('chalk')
  return new Chalk({ level: 1 })
}
