import { failed, ok, warning, type Finding } from './check.ts'
import { runProgram } from './run-program.ts'

/** A client, and how it is asked for its version: none of these reads a configuration file or reaches a server. */
const CLIENTS: readonly {
  readonly names: readonly string[]
  readonly args: readonly string[]
  readonly version: RegExp
}[] = [
  { names: ['psql'], args: ['--version'], version: /\(PostgreSQL\) (\S+)/ },
  { names: ['mariadb', 'mysql'], args: ['--no-defaults', '--version'], version: /(\d+\.\d+\.\d+)/ },
  { names: ['ssh'], args: ['-V'], version: /^OpenSSH_([^\s,]+)/m },
  { names: ['kubectl'], args: ['version', '--client'], version: /Client Version: v?(\S+)/ },
  { names: ['curl'], args: ['-q', '--version'], version: /^curl (\S+)/m },
]

/** Which native clients there are. They are optional: a person needs those of their targets. */
export async function findClients(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Finding> {
  const { PAMCTL_TOKEN: _token, ...forClients } = environment
  const found = await Promise.all(
    CLIENTS.map(async ({ names, args, version }) => {
      for (const name of names) {
        const output = await runProgram(name, args, forClients, signal)
        if (output === undefined) continue
        const [, number] = version.exec(output.text) ?? []
        return { isThere: true, text: `${name} ${number ?? '(version unknown)'}` }
      }
      return { isThere: false, text: names.join(' or ') }
    }),
  )
  const there = found.filter(({ isThere }) => isThere).map(({ text }) => text)
  const missing = found.filter(({ isThere }) => !isThere).map(({ text }) => text)
  if (there.length === 0)
    return environment['PATH'] === undefined
      ? failed('no client was found, since PATH is not set', 'set PATH')
      : warning(`none found of ${missing.join(', ')}`, 'install the clients of your targets')
  return ok(`${there.join(', ')}${missing.length === 0 ? '' : `; not found: ${missing.join(', ')}`}`)
}
