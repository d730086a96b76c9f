/** Whether there is colour: where a terminal shows it, always, or never. */
export const COLOURS = ['auto', 'always', 'never'] as const
export type Colour = (typeof COLOURS)[number]

export type Style = 'bold' | 'cyan' | 'green' | 'red'
export type Styles = Readonly<Record<Style, (text: string) => string>>

const same = (text: string): string => text
export const PLAIN: Styles = { bold: same, cyan: same, green: same, red: same }

/** What the variables ask for, which win over the setting; NO_COLOR (no-color.org) wins over FORCE_COLOR (force-color.org). */
export function colourOf({ NO_COLOR = '', FORCE_COLOR }: NodeJS.ProcessEnv): Colour | undefined {
  if (NO_COLOR !== '') return 'never'
  if (FORCE_COLOR === undefined) return undefined
  return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false' ? 'always' : 'never'
}

/** Whether a stream gets colour: by the variables, else by the setting. */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  environment: NodeJS.ProcessEnv,
  setting: () => Colour,
): boolean {
  const colour = colourOf(environment) ?? setting()
  if (colour !== 'auto') return colour === 'always'
  return stream.isTTY === true && environment['TERM'] !== 'dumb'
}

/** The sixteen colours that every terminal has and every theme chooses. */
export async function colouredStyles(): Promise<Styles> {
  const { Chalk } = await import('chalk')
  return new Chalk({ level: 1 })
}
