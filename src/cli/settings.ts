import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { VariableName } from '../shared/environment.ts'
import { UsageError } from '../shared/errors.ts'
import { fileProblem } from '../shared/file-problem.ts'
import { didYouMean } from '../shared/nearest-word.ts'
import { normalGateway } from './gateway-url.ts'
import { COLOURS, colourOf, type Colour } from './output/colours.ts'
import { keysOf } from '../shared/records.ts'

/** The command line's own settings, each where it was set. Flags and variables win over them. */
export interface Settings {
  readonly gateway?: string
  readonly profile?: string
  readonly editor?: string
  readonly colour?: Colour
}

export type SettingKey = keyof Settings

interface Setting {
  readonly description: string
  /** The value as it is kept; a UsageError says what is wrong with the text. */
  readonly parse: (text: string) => string
  /** Variables that win over the setting, the first of them first. */
  readonly variables: readonly VariableName[]
  /** What the variables mean, where that is not the value of one of them. */
  readonly means?: (environment: NodeJS.ProcessEnv) => string | undefined
  readonly usual?: string
}

export const SETTINGS: Readonly<Record<SettingKey, Setting>> = {
  gateway: {
    description: 'gateway to use when neither a flag nor the profile names one',
    parse: (text) => normalGateway(withFullName(text), 'gateway'),
    variables: ['PAMCTL_GATEWAY'],
  },
  profile: {
    description: 'profile (saved login) to use',
    parse: (text) => oneWord('profile', text),
    variables: ['PAMCTL_PROFILE'],
  },
  editor: {
    description: 'editor that --edit opens',
    parse: (text) => oneLine('editor', text),
    variables: ['VISUAL', 'EDITOR'],
    usual: 'vi',
  },
  colour: {
    description: 'coloured output: auto, always or never',
    parse: parseColour,
    variables: ['NO_COLOR', 'FORCE_COLOR'],
    means: colourOf,
    usual: 'auto',
  },
}

export const SETTING_KEYS = keysOf(SETTINGS)

export function needSettingKey(text: string): SettingKey {
  if (Object.hasOwn(SETTINGS, text)) return text as SettingKey
  throw new UsageError(
    `there is no setting "${text}"${didYouMean(text, SETTING_KEYS)}`,
    `the settings are ${SETTING_KEYS.join(', ')}`,
  )
}

export const settingsFile = (home: string): string => join(home, `${SETTINGS_NAME}.json`)

/** The settings; none where there is no file. */
export function readSettings(home: string): Settings {
  const file = settingsFile(home)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new UsageError(fileProblem(file, error))
  }
  return parseSettings(text, file)
}

/** What a file of settings says; whatever is not a setting is an error, so that nobody writes over what they do not understand. */
export function parseSettings(text: string, file: string): Settings {
  const wrong = (
    problem: string,
    hint = 'correct it, or move it away: the settings are then the defaults',
  ): UsageError => new UsageError(`${file}: ${problem}`, hint)
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    throw wrong(text.trim() === '' ? 'it is empty, not JSON' : `it is not JSON (${(error as Error).message})`)
  }
  if (content === null || typeof content !== 'object' || Array.isArray(content)) throw wrong('expected a JSON object')
  const settings: Partial<Record<SettingKey, string>> = {}
  for (const [key, value] of Object.entries(content)) {
    if (typeof value !== 'string') throw wrong(`expected a string for "${key}"`)
    try {
      const known = needSettingKey(key)
      settings[known] = SETTINGS[known].parse(value)
    } catch (error) {
      throw error instanceof UsageError ? wrong(error.message, error.hint) : error
    }
  }
  return settings as Settings
}

function parseColour(text: string): Colour {
  const found = COLOURS.find((colour) => colour === text)
  if (found === undefined)
    throw new UsageError(`expected auto, always or never for colour, not "${text}"${didYouMean(text, COLOURS)}`)
  return found
}

/** A bare word is a slip more often than a host of the local network: that one is named by its URL. */
function withFullName(text: string): string {
  if (/^[a-z\d-]+$/i.test(text) && text.toLowerCase() !== 'localhost')
    throw new UsageError(
      `gateway "${text}" is not a URL, nor the full name of a host`,
      `expected a URL such as https://pam.example.com; for a host of your network: https://${text}`,
    )
  return text
}

function oneWord(key: string, text: string): string {
  if (/\S\s+\S/.test(oneLine(key, text)))
    throw new UsageError(`expected a name without spaces for ${key}, not "${text}"`)
  return text
}

function oneLine(key: string, text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (text.trim() === '' || /[\u0000-\u001f\u007f-\u009f]/.test(text))
    throw new UsageError(`expected one line of text for ${key}`, `to remove it: pamctl config unset ${key}`)
  return text
}

export const SETTINGS_NAME = 'settings'
