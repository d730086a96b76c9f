import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Browser } from './browser.ts'
import { findKubernetes } from './local-kubernetes.ts'
import { hasProgram, packageRoot } from './local-postgres.ts'
import { PAYMENT_KEY } from './sample-data.ts'
import { DEMO_PEOPLE } from './setup.ts'
import type { DemoStack } from './stack.ts'

/** Walks the whole story with the real programs, shows each step as its user sees it, and checks what came out. */
export async function runTour(stack: DemoStack, print: (text: string) => void): Promise<void> {
  const tour = new Tour(stack, print)
  const usePsql = hasProgram('psql')
  print(
    usePsql
      ? 'The tour uses psql.'
      : 'psql is not installed here: the tour uses node-postgres through the port of the agent instead.',
  )
  const sql = usePsql ? (text: string) => ['psql', '-X', '-c', text] : nodeClient

  try {
    tour.title('Jane signs in')
    await tour.signIn('jane')
    expect(await tour.run('jane', ['targets']), /prod-db\s+postgres\s+env=prod\s+on request, up to 1h, approved by sre/)

    tour.title('She asks for production; Bob is asked')
    const asked = await tour.run('jane', ['request', 'prod-db', '--for', '30m', '--reason', 'INC-4711 stuck orders'])
    const request = find(asked, /req_\w{13}/)
    await tour.signIn('bob')
    expect(await tour.run('jane', ['approve', request, '--yes'], 5), /you cannot decide on your own request/)
    expect(
      await tour.run('bob', ['approve', request, '--yes', '--comment', 'go ahead']),
      /approved by bob@example.com: go ahead/,
    )

    tour.title('Her client runs unchanged; what she must not see is masked')
    const query =
      "select name, email, card_number, total from orders join customers using (customer_id) where status = 'stuck' order by order_id limit 3"
    const rows = await tour.connect('jane', sql(query))
    expect(rows, /\w\*\*\*@\*\*\*\.com/)
    expect(rows, /\*{12}\d{4}/)
    if (/[\w.]+@example\.com/.test(rows)) throw new Error('an e-mail address was shown')

    tour.title('A statement that policy denies')
    expect(
      await tour.connect('jane', sql('delete from orders'), 1),
      /pam: UPDATE and DELETE without WHERE are not allowed/,
    )

    tour.title('A statement that a person decides on')
    const held = tour.start('jane', ['connect', 'prod-db', '--', ...sql('truncate audit_tmp')])
    const approval = find(await held.until(/apr_\w{13}/), /apr_\w{13}/)
    expect(await tour.run('bob', ['approve', approval, '--yes']), /truncate audit_tmp/)
    expect(await held.finished(0), /TRUNCATE/)

    if (stack.mariadb !== undefined) {
      tour.title('The same on MariaDB: masked, denied, held')
      const client = (text: string) => ['connect', 'shop-mysql', '--', 'mariadb', '-t', '-e', text]
      const shop = (text: string, expected = 0) => tour.run('jane', client(text), expected)
      const shown = await shop('select id, name, email, card_number from customers order by id limit 3')
      expect(shown, /\w\*\*\*@\*\*\*\.com/)
      expect(shown, /\*{12}\d{4}/)
      if (/[\w.]+@example\.com/.test(shown)) throw new Error('an e-mail address was shown')
      expect(await shop('delete from orders', 1), /ERROR 1227 \(42000\).*pam: /)
      const waiting = tour.start('jane', client('truncate audit_tmp; select count(*) from audit_tmp'))
      const inShop = find(await waiting.until(/apr_\w{13}/), /apr_\w{13}/)
      expect(await tour.run('bob', ['approve', inShop, '--yes']), /truncate audit_tmp/)
      expect(await waiting.finished(0), /\| +0 \|/)
    }

    const kubectl = findKubernetes()?.kubectl
    if (stack.kubernetes !== undefined && kubectl !== undefined) {
      await stack.kubernetes
      tour.title('The same on Kubernetes')
      const client = (...args: string[]) => ['connect', 'shop-k8s', '--', kubectl, '-n', 'shop', ...args]
      expect(await tour.run('jane', client('get', 'pods')), /web-1 +0\/1 +Pending/)
      const shown = await tour.run('jane', client('get', 'secret', 'payments', '-o', 'yaml'))
      expect(shown, /api-key: /)
      if (shown.includes(PAYMENT_KEY.toString('base64'))) throw new Error('the contents of a Secret were shown')
      expect(await tour.run('jane', client('delete', 'secret', 'payments'), 1), /Secrets are not deleted/)
      const waiting = tour.start('jane', client('delete', 'deployment', 'worker'))
      const onCluster = find(await waiting.until(/apr_\w{13}/), /apr_\w{13}/)
      expect(await tour.run('bob', ['approve', onCluster, '--yes']), /DELETE .*deployments\/worker/)
      expect(await waiting.finished(0), /"worker" deleted/)
    }

    tour.title('Afterwards: what happened, and proof of it')
    const sessions = JSON.parse(await tour.run('jane', ['sessions', '--json'], 0, true)) as {
      id: string
      target: string
    }[]
    const last = sessions.find(({ target }) => target === 'prod-db')?.id ?? ''
    expect(
      await tour.run('jane', ['replay', last]),
      /truncate audit_tmp[\s\S]*approved by bob@example\.com[\s\S]*TRUNCATE TABLE/,
    )
    await tour.signIn('alice')
    const file = join(stack.directory, `${last}.pamrec`)
    await tour.run('alice', ['export', last, '--output', file])
    expect(await tour.run('alice', ['verify', file, '--key', stack.publicKey]), /valid: ses_/)
    print('\nThat is the whole story: every step was checked.')
  } finally {
    await tour.stop()
  }
}

class Tour {
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

/** Where there is no psql: the same through node-postgres, as a program of its own. */
function nodeClient(text: string): string[] {
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

function find(text: string, pattern: RegExp): string {
  const match = pattern.exec(text)
  if (match === null) throw new Error(`expected ${String(pattern)} in:\n${text}`)
  return match[0]
}

function expect(text: string, pattern: RegExp): void {
  find(text, pattern)
}

const MAX_STEP_MS = 120_000
