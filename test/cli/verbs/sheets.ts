import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { ROOT } from '../../helpers/run.ts'
import { runPamctl } from '../../helpers/run-pamctl.ts'
import { simpleCommand } from '../../helpers/simple-command.ts'
import { NOW, startAgent } from '../../helpers/verb.ts'
import { ResultStore } from '../../../src/cli/held/result-store.ts'
import { VERSION } from '../../../src/shared/version.ts'
import * as world from './world.ts'

/**
 * A sheet is a text script of one verb in a world that is always the same, so that what it prints is compared byte for byte: `jane$ command` prints into
 * a pipe, `jane@40$ command` on a terminal of 40 columns. Both streams stand as they come; `[exit N]` is the code, 0 where left out.
 */
export interface Step {
  readonly prompt: string
  readonly who: string
  readonly columns: number | undefined
  readonly command: string
  /** With `[exit N]`. */
  readonly printed: string
  /** Comments before it. */
  readonly before: string
}

export function stepsOf(text: string): Step[] {
  const steps: Step[] = []
  let [before, lines]: [string[], string[]] = [[], []]
  const flush = (): void => {
    const [first = '', ...more] = lines
    const [, prompt = '', who = '', columns, command = ''] = PROMPT.exec(first) ?? []
    const printed = `${more.join('\n')}\n`.replace(/^\n+$/, '').replace(/\n+$/, '\n')
    if (lines.length > 0)
      steps.push({
        prompt,
        who,
        columns: columns === undefined ? undefined : Number(columns),
        command,
        printed,
        before: before.join('\n'),
      })
    ;[before, lines] = [[], []]
  }
  for (const line of text.split('\n')) {
    if (PROMPT.test(line)) {
      const comments = lines.length > 0 ? takeComments(lines) : before
      if (lines.length > 0) flush()
      ;[before, lines] = [comments, [line]]
    } else if (lines.length === 0) before.push(line)
    else lines.push(line)
  }
  flush()
  return steps
}

const PROMPT = /^((\w+)(?:@(\d+))?\$) (.*)$/

/** Comments at the end of what a step printed are the next one's: after an empty line, and each begins with `# `. */
function takeComments(lines: string[]): string[] {
  const start = lines.findLastIndex((line) => line !== '' && !line.startsWith('# ')) + 1
  const at = lines.findIndex(
    (line, index) => index >= Math.max(start, 1) && line.startsWith('# ') && lines[index - 1] === '',
  )
  return at < 0 ? [] : lines.splice(at).filter((line) => line !== '')
}

export const sheetOf = (steps: readonly Step[]): string =>
  steps
    .map(
      ({ before, prompt, command, printed }) =>
        `${before.trim() === '' ? '' : `${before.trim()}\n\n`}${prompt} ${command}\n${printed}`,
    )
    .join('\n')

export interface Printed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Both streams as they came, and the exit code, as a sheet has them. */
  readonly text: string
}

/** Homes and agents for those that sheets name. */
export async function startWorld(home: string, gateway: typeof fetch) {
  const directory = (who: string): string => join(home, who)
  const agents: { stop(): Promise<void> }[] = []
  for (const who of ['jane', 'new', 'left', 'out', 'gone', 'peer']) {
    mkdirSync(join(directory(who), 'run'), { recursive: true, mode: 0o700 })
    agents.push(
      await startAgent(
        join(directory(who), 'run', 'agent.sock'),
        {
          agent: {
            hello: { version: VERSION, pid: world.STATUS.pid },
            'choose-profile': { profile: 'default', ...(who === 'gone' ? { lastGateway: world.GATEWAY } : {}) },
            profile: who === 'out' || who === 'gone' ? null : world.PROFILE,
            authorize: {},
            status: who === 'new' ? { ...world.STATUS, listeners: [] } : world.STATUS,
            logout: { gateway: world.GATEWAY },
            listen: who === 'jane' ? { ...LISTENER, socketPath: join(home, 'web-1.sock') } : LISTENER,
            'keep-port': { listener: LISTENER, endsAt: world.GRANTS[0]?.endsAt ?? '' },
            'close-kept-port': { closed: who !== 'new' },
            'open-ports': who === 'jane' ? PORTS : [],
            stop: {},
          },
          agentLeavesAfter: who === 'left' ? 'listen' : 'stop',
        },
        [],
      ),
    )
  }
  // The far end of a connection: says who it is, and closes.
  const target = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.9\r\n'))
  await new Promise<void>((resolve) => target.listen(join(home, 'web-1.sock'), resolve))
  const results = new ResultStore(directory('jane'))
  for (const kept of world.keptResults(process.pid)) results.save(kept)
  const key = join(home, 'gateway.pub')
  writeFileSync(key, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }))
  mkdirSync(join(directory('alone'), 'run'), { recursive: true, mode: 0o700 })
  return {
    run: async ({ who, columns, command }: Pick<Step, 'who' | 'columns' | 'command'>): Promise<Printed> => {
      const simple = simpleCommand(command.replaceAll('{{key}}', key).replaceAll('{{home}}', home), { clients: true })
      if (simple === undefined) throw new Error(`a sheet runs pamctl and nothing else: ${command}`)
      const output = { stdout: '', stderr: '', text: '' }
      const code = await runPamctl(simple.args, {
        columns,
        environment: {
          PATH: process.env['PATH'],
          TERM: 'dumb',
          HOME: directory(who),
          PAMCTL_HOME: directory(who),
          SHELL: '/bin/bash',
          ...simple.variables,
        },
        now: () => NOW,
        gateway,
        heard: (text, to) => {
          output[to] += text
          output.text += text
        },
      })
      const shown = output.text
        .replaceAll(home, '/home')
        .replaceAll(process.execPath, '/usr/bin/node')
        .replaceAll(ROOT, '/opt/pamctl')
      return {
        ...output,
        code,
        text: `${shown === '' || shown.endsWith('\n') ? shown : `${shown}\n`}${code === 0 ? '' : `[exit ${code}]\n`}`.replace(
          /[ \t]+$/gm,
          '',
        ),
      }
    },
    async stop(): Promise<void> {
      for (const agent of agents) await agent.stop()
      target.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

const LISTENER = {
  host: '127.0.0.1',
  port: 15432,
  secret: 'port-secret',
  socketDirectory: '/run/user/1000/pamctl/prod-db',
}
const PORTS = ['shop-k8s', 'test-k8s'].map((target) => ({
  target,
  listener: { ...LISTENER, tls: { authority: 'authority', certificate: 'certificate', key: 'key' } },
}))
