import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Browser } from './browser.ts'
import { packageRoot } from './local-postgres.ts'
import { DEMO_PEOPLE } from './setup.ts'
import type { DemoStack } from './stack.ts'

/** Runs the real programs as people, and shows what each of them sees. */
export class Tour {
  readonly #stack: DemoStack
  readonly #print: (text: string) => void
  readonly #home: string

  constructor(stack: DemoStack, print: (text: string) => void) {
    this.#stack = stack
    this.#print = print
    this.#home = join(stack.directory, 'home')
    mkdirSync(this.#home, { mode: 0o700 })
  }

  title(text: string): void {
    this.#print(`\n── ${text}`)
  }

  async signIn(who: keyof typeof DEMO_PEOPLE): Promise<void> {
    const login = this.start(who, ['login', '--gateway', this.#stack.gateway, '--no-browser'])
    const prompt = await login.until(/enter\s+\S+/)
    const [, url, code] = /Open (\S+) and enter\s+(\S+)/.exec(prompt) ?? []
    await new Browser().signIn(`${url}?user_code=${code}`, DEMO_PEOPLE[who])
    expect(await login.finished(0), /Signed in as/)
  }

  connect(who: string, client: readonly string[], expected = 0): Promise<string> {
    return this.run(who, ['connect', 'prod-db', '--', ...client], expected)
  }

  run(who: string, args: readonly string[], expected = 0, quiet = false): Promise<string> {
    return this.start(who, args, quiet).finished(expected)
  }

  /** The id of the newest session of this person on a target; throws where there is none. */
  async latestSession(who: string, target: string): Promise<string> {
    const sessions = JSON.parse(await this.run(who, ['sessions', '--json'], 0, true)) as {
      readonly id: string
      readonly target: string
    }[]
    const latest = sessions.find((session) => session.target === target)
    if (latest === undefined) throw new Error(`${who} has had no session on ${target}`)
    return latest.id
  }

  /** Starts pamctl as this person; everything it says is shown as it comes. */
  start(who: string, args: readonly string[], quiet = false) {
    const shown = args
      .map((arg) => (arg === nodeClient('')[2] ? '…' : /[^\w@%+=:,./-]/.test(arg) ? `'${arg}'` : arg))
      .join(' ')
    if (!quiet) this.#print(`${who}$ pamctl ${shown}`)
    const child = spawn(process.execPath, [join(packageRoot, 'bin', 'pamctl.js'), '--profile', who, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PAMCTL_HOME: this.#home,
        PAMCTL_SECRET_STORE: 'file',
        PAMCTL_TOUR_ROOT: packageRoot,
        NO_COLOR: '1',
        PGAPPNAME: 'tour',
      },
    })
    let output = ''
    const listeners = new Set<() => void>()
    const hear = (text: string): void => {
      output += text
      if (!quiet) this.#print(text.replace(/\n$/, ''))
      for (const listener of listeners) listener()
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
    const limit = setTimeout(() => child.kill(), MAX_STEP_MS)
    void closed.then(() => clearTimeout(limit))
    return {
      async until(pattern: RegExp): Promise<string> {
        await Promise.race([
          closed,
          new Promise<void>((resolve) => {
            const check = (): void => {
              if (pattern.test(output)) resolve()
            }
            listeners.add(check)
            check()
          }),
        ])
        expect(output, pattern)
        return output
      },
      async finished(expected: number): Promise<string> {
        const code = await closed
        if (code !== expected) throw new Error(`"pamctl ${shown}" ended with ${code}, not ${expected}:\n${output}`)
        return output
      },
    }
  }

  async stop(): Promise<void> {
    if (readdirSync(this.#home).length > 0) await this.run('jane', ['agent', 'stop'], 0, true).catch(() => {})
  }
}

/** A client of PostgreSQL where there is no psql: the same through node-postgres, as a program of its own. */
export function nodeClient(text: string): string[] {
  const program = `
const { default: pg } = await import(process.env.PAMCTL_TOUR_ROOT + '/node_modules/pg/esm/index.mjs')
const client = new pg.Client({ ssl: false })
client.on('notice', ({ message }) => console.error('NOTICE:  ' + message))
try {
  await client.connect()
  const { command, rows } = await client.query(process.argv[1])
  console.log(rows.length > 0 ? rows.map((row) => Object.values(row).join(' | ')).join('\\n') : command + ' TABLE')
  await client.end()
} catch (error) {
  console.error('ERROR:  ' + error.message)
  process.exit(1)
}`
  return [process.execPath, '--input-type=module', `--eval=${program}`, '--', text]
}

/** The first match. Throws, with the text, where there is none. */
export function find(text: string, pattern: RegExp): string {
  const match = pattern.exec(text)
  if (match === null) throw new Error(`expected ${String(pattern)} in:\n${text}`)
  return match[0]
}

/** Throws where the text does not match. */
export function expect(text: string, pattern: RegExp): void {
  find(text, pattern)
}

const MAX_STEP_MS = 120_000
