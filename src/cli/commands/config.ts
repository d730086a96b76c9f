import { UsageError } from '../../shared/errors.ts'
import { fileProblem } from '../../shared/file-problem.ts'
import { visible } from '../../shared/visible.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { findProgram } from '../../shared/find-program.ts'
import {
  needSettingKey,
  parseSettings,
  SETTING_KEYS,
  SETTINGS,
  SETTINGS_NAME,
  settingsFile,
  type SettingKey,
  type Settings,
} from '../settings.ts'

/** `pamctl config get|set|unset|list|path`: what the command line does where neither flag nor variable says. */
export const config: AddCommand = (program, run) => {
  const group = program.command('config').description('show and change your settings: gateway, profile, editor, colour')
  group
    .command('get <key>')
    .description('print a setting; exit code 1 if it is not set')
    .addOption(jsonOption())
    .action(
      run(async ({ io, settings }: CliContext, name: string, options: { json?: boolean }) => {
        const key = needSettingKey(name)
        const value = settings()[key]
        if (options.json === true) io.json(value ?? null)
        else if (value === undefined) io.note(`${key} is not set`)
        else io.print(value)
        if (value === undefined) throw new Exit(1)
      }),
    )
  group
    .command('set <key> <value>')
    .description('change a setting')
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, name: string, text: string, options: { json?: boolean }) => {
        const { io, paths, environment } = context
        const key = needSettingKey(name)
        const value = SETTINGS[key].parse(text)
        if (key === 'editor') needEditor(value, environment)
        if (key === 'profile') await noteUnknownProfile(context, value)
        await change(paths().home, (store) => store.set(key, value))
        if (options.json === true) io.json({ key, value })
      }),
    )
  group
    .command('unset <key>')
    .description('remove a setting')
    .addOption(jsonOption())
    .action(
      run(async ({ io, paths }: CliContext, name: string, options: { json?: boolean }) => {
        const key = needSettingKey(name)
        await change(paths().home, (store) => store.delete(key))
        if (options.json === true) io.json({ key, value: null })
      }),
    )
  group
    .command('list')
    .description('list every setting with its effective value and where that was set')
    .addOption(jsonOption())
    .action(
      run(async ({ io, settings, environment }: CliContext, options: { json?: boolean }) => {
        const rows = SETTING_KEYS.map((key) => effective(key, settings(), environment))
        if (options.json === true) return io.json(rows)
        await io.table(rows, {
          KEY: ({ key }) => key,
          VALUE: ({ value }) => value ?? '',
          FROM: ({ from }) => from,
          WHAT: ({ key }) => SETTINGS[key].description,
        })
      }),
    )
  group
    .command('path')
    .description('print the path of the settings file')
    .addOption(jsonOption())
    .action(
      run(async ({ io, paths }: CliContext, options: { json?: boolean }) => {
        const path = settingsFile(paths().home)
        if (options.json === true) io.json({ path })
        else io.print(path)
      }),
    )
}

/** The first word is a program, unless a shell would do more with it than look it up. */
function needEditor(command: string, environment: NodeJS.ProcessEnv): void {
  const [program = ''] = command.trim().split(/\s+/)
  if (!/^[\w.+-]+$/.test(program) || findProgram(program, environment) !== undefined) return
  throw new UsageError(
    `there is no program "${program}" on your PATH`,
    'give the full path of the editor, or install it first',
  )
}

/** A profile may be set before anybody signs in with it; a slip would otherwise show as "not signed in" much later. */
async function noteUnknownProfile({ io, agent }: CliContext, profile: string): Promise<void> {
  const known = await agent()
    .then((connection) => connection.call('profile', { profile }))
    // Where no agent can be asked, the setting is made all the same.
    .catch(() => undefined)
  if (known === null)
    io.note(visible(`nobody is signed in with profile "${profile}" yet: pamctl login --profile ${profile}`))
}

interface Effective {
  readonly key: SettingKey
  readonly value?: string
  readonly from: string
}

function effective(key: SettingKey, settings: Settings, environment: NodeJS.ProcessEnv): Effective {
  const { variables, usual } = SETTINGS[key]
  const variable = variables.find((name) => (environment[name] ?? '') !== '')
  if (variable !== undefined)
    return { key, value: SETTINGS[key].means?.(environment) ?? environment[variable] ?? '', from: variable }
  const value = settings[key]
  if (value !== undefined) return { key, value, from: 'settings' }
  return { key, ...(usual === undefined ? {} : { value: usual }), from: usual === undefined ? 'not set' : 'default' }
}

interface Store {
  set(key: SettingKey, value: string): void
  delete(key: SettingKey): void
}

/** Writes the file anew and in one step. One that cannot be understood is left as it is. */
async function change(home: string, edit: (store: Store) => void): Promise<void> {
  const { default: Conf } = await import('conf')
  const file = settingsFile(home)
  try {
    edit(
      new Conf<Record<SettingKey, string>>({
        cwd: home,
        configName: SETTINGS_NAME,
        configFileMode: 0o600,
        clearInvalidConfig: false,
        deserialize: (text) => parseSettings(text, file) as Record<SettingKey, string>,
        serialize: (value) => `${JSON.stringify(value, null, 2)}\n`,
      }),
    )
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(fileProblem(file, error, 'written'))
  }
}
