import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { variable } from '../shared/environment.ts'
import { PamError, UsageError } from '../shared/errors.ts'
import type { CliContext } from './context.ts'

/** Which editor: the variables win over the setting. */
function editorOf({ environment, settings }: Pick<CliContext, 'environment' | 'settings'>): string {
  const given = [variable(environment, 'VISUAL'), variable(environment, 'EDITOR')].find(
    (name) => name !== undefined && name !== '',
  )
  return given ?? settings().editor ?? 'vi'
}

/** One text, written in the editor of the user, in a file that is theirs alone. Lines that begin with `#` are not part of it. */
export function editText(context: CliContext, explanation: string): string {
  if (!context.io.interactive)
    throw new PamError('NO_TERMINAL', 'an editor needs a terminal', { hint: 'give --reason "…"' })
  const editor = editorOf(context)
  const directory = mkdtempSync(join(context.paths().runtime, 'edit-'))
  const file = join(directory, 'REASON')
  try {
    writeFileSync(file, `\n# ${explanation}\n# Lines that begin with # are left out.\n`, { mode: 0o600 })
    // An editor may have arguments, as in "code --wait": a shell reads them, as git has it do.
    const { status, error } = spawnSync('sh', ['-c', `${editor} "$@"`, editor, file], {
      stdio: ['inherit', process.stderr, 'inherit'],
      env: context.environment,
    })
    if (error !== undefined || status !== 0)
      throw new UsageError(
        `the editor "${editor}" ended with ${error === undefined ? (status ?? 'a signal') : error.message}`,
        'set another one: pamctl config set editor NAME',
      )
    const text = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('\n')
      .trim()
    if (text === '') throw new UsageError('the text is empty, so nothing was done')
    return text
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
