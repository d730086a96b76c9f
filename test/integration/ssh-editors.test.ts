import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import { hasProgram } from '../../src/demo/programs.ts'
import { eventually, type Port } from '../helpers/gateway-client.ts'
import { ROOT, run } from '../helpers/run.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

/** What editors and Ansible do, beside a rule about paths, with the rules that docs/protocols/ssh.md gives for them. */
let own: SshGateway
let port: Port

/** The examples of the page, by the comment that they begin with. */
function documented(comment: string): string {
  const page = readFileSync(join(ROOT, 'docs', 'protocols', 'ssh.md'), 'utf8')
  const found = [...page.matchAll(/```yaml\n(# [^\n]*)\n([\s\S]*?)```/g)].find(([, first]) => first === `# ${comment}`)
  if (found === undefined) throw new Error(`no example "${comment}"`)
  return found[2] as string
}

beforeAll(async () => {
  if (!SSHD) return
  own = await startSshGateway({
    sshd: 'PermitUserEnvironment no\nAcceptEnv EDITOR_TEST_HOME',
    rules: `commands:
  - { name: nobody writes there, match: { writesPaths: ["/etc/**"] }, deny: "configuration is managed" }
${documented('Ansible')}${documented('Editors: VS Code Remote-SSH and those like it')}  - { name: what can be read, match: {}, allow: true }
`,
  })
  port = await own.port()
})
afterAll(() => own?.stop())

describe.skipIf(!SSHD)('an editor', () => {
  const script = readFileSync(join(ROOT, 'test', 'fixtures', 'ssh', 'editor-bootstrap.sh'), 'utf8')

  /** Sends the script to a shell, then connects to what it started, through the port of `-D`. */
  async function start(options: readonly string[], shell: string, home: string) {
    const local = await freePort()
    const ssh = spawn('ssh', ['-T', '-D', `127.0.0.1:${local}`, ...options, '127.0.0.1', shell])
    let [out, err] = ['', '']
    ssh.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    ssh.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    const over = new Promise<number | null>((resolve) => ssh.once('close', resolve))
    let hasExited = false
    void over.then(() => (hasExited = true))
    // It is kept open, as the editor does.
    ssh.stdin.on('error', () => {})
    ssh.stdin.write(`EDITOR_TEST_HOME='${home}'\n${script}\necho "bootstrap: $?"\n`)
    await eventually(() => (hasExited || out.includes('bootstrap: ') ? true : undefined), 'the script has run')
    const to = /listeningOn==(\d+)==/.exec(out)?.[1] ?? 'nowhere'
    const url = `http://127.0.0.1:${to}/`
    const answer = await run('curl', ['-s', '-m', '100', '-i', '--socks5-hostname', `127.0.0.1:${local}`, url])
    ssh.stdin.end()
    const code = await over
    return {
      code,
      err,
      out: out.replaceAll(to, 'PORT').replaceAll(home, 'HOME'),
      answer: answer.stdout.split('\r\n')[0],
    }
  }

  it.skipIf(!hasProgram('curl')).each(['bash', 'bash --login -c bash'])(
    'starts its server by %s, and reaches it, as directly connected',
    async (shell) => {
      const homes = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'pamctl-test-editor-')))
      const [direct, through] = await Promise.all([
        start(own.directOptions(), shell, homes[0] as string),
        start(own.options(port), shell, homes[1] as string),
      ])
      expect(through, through.err).toEqual(direct)
      expect(through.out).toContain('exitCode==0==\nlisteningOn==PORT==\ndidInstall==1==')
      expect(through.answer).toBe('HTTP/1.1 101 Switching Protocols')
      for (const home of homes) rmSync(home, { recursive: true })
    },
  )

  it('reaches nothing else by the port, and is told why', async () => {
    const options = own.options(port).map((one) => (one === 'LogLevel=ERROR' ? 'LogLevel=INFO' : one))
    const { stderr } = await run('ssh', ['-W', '192.0.2.1:22', ...options, '127.0.0.1'])
    expect(stderr).toContain('pam: no rule allows FORWARD LOCAL to 192.0.2.1:22')
  })
})

describe.skipIf(!SSHD || !hasProgram('ansible-playbook'))('Ansible', () => {
  const play = (files: string, name: string): string => `
- hosts: all
  gather_facts: true
  tasks:
    - { name: directory, file: { path: "${files}/${name}", state: directory, mode: "0750" } }
    - { name: copy, copy: { content: "from afar\\n", dest: "${files}/${name}/copied" } }
    - { name: template, template: { src: "${files}/one.j2", dest: "${files}/${name}/templated" } }
    - { name: line, lineinfile: { path: "${files}/${name}/copied", line: "another" } }
    - { name: command, command: uname -s, register: uname }
    - { name: shell, shell: "wc -l < ${files}/${name}/copied", register: lines }
    - { name: raw, raw: "echo raw" }
    - { name: stat, stat: { path: "${files}/${name}/copied" }, register: found }
    - { name: facts, assert: { that: ["found.stat.exists", "lines.stdout == '2'", "uname.stdout == ansible_system"] } }
    - { name: fetch, fetch: { src: "${files}/${name}/copied", dest: "${files}/${name}-fetched", flat: true } }
    - { name: failing, command: "false", ignore_errors: true }
    - { name: again, file: { path: "${files}/${name}/copied", state: absent } }
`
  it.each([
    ['sftp', { ANSIBLE_PIPELINING: '0' }],
    ['pipelining', { ANSIBLE_PIPELINING: '1' }],
  ] as const)(
    'a playbook of twelve tasks by %s, as directly connected',
    async (name, env) => {
      writeFileSync(join(own.files, 'one.j2'), 'on {{ ansible_system }}\n')
      const local = join(own.directory, `ansible-${name}`)
      mkdirSync(local)
      const recap = async (way: string, options: readonly string[]): Promise<string> => {
        const playbook = join(local, `${way}.yml`)
        writeFileSync(playbook, play(own.files, `${name}-${way}`))
        const port = options.find((one) => one.startsWith('Port='))?.slice(5)
        const hosts = join(local, `${way}.ini`)
        const args = options.map((one) => (one === '127.0.0.1' ? '' : one)).join(' ')
        writeFileSync(
          hosts,
          `target ansible_host=127.0.0.1 ansible_port=${port} ansible_ssh_common_args='${args}' ansible_remote_tmp=${own.files}/.ansible-${way} ansible_python_interpreter=/usr/bin/python3\n`,
        )
        const { stdout, stderr, code } = await run('ansible-playbook', ['-i', hosts, playbook], {
          env: {
            ...env,
            ANSIBLE_LOCAL_TEMP: join(local, `${way}-tmp`),
            ANSIBLE_HOST_KEY_CHECKING: 'false',
            ANSIBLE_NOCOLOR: '1',
          },
        })
        expect(code, stdout + stderr).toBe(0)
        return stdout.slice(stdout.indexOf('PLAY RECAP')).replace(/\s+/g, ' ')
      }
      const through = await recap('through', own.options(port))
      expect(through).toBe(await recap('direct', own.directOptions()))
      expect(through).toContain('ok=13')
      expect(existsSync(join(own.files, `${name}-through-fetched`))).toBe(true)
    },
    180_000,
  )

  it('what writes where nobody may is refused, and the task says why', async () => {
    const options = own.options(port)
    const hosts = join(own.directory, 'refused.ini')
    writeFileSync(
      hosts,
      `target ansible_host=127.0.0.1 ansible_port=${port.port} ansible_ssh_common_args='${options.join(' ')}'\n`,
    )
    const { stdout } = await run('ansible', ['-i', hosts, 'target', '-m', 'raw', '-a', 'echo x > /etc/pamctl-test'], {
      env: { ANSIBLE_NOCOLOR: '1', ANSIBLE_LOCAL_TEMP: join(own.directory, 'refused') },
    })
    expect(stdout).toContain('pam: configuration is managed')
    expect(existsSync('/etc/pamctl-test')).toBe(false)
  })
})
