import ssh2, { type Client, type ClientChannel } from 'ssh2'
import type { Port } from './gateway-client.ts'
import type { Outcome } from './run.ts'

/** A client of ssh2's, for what OpenSSH's own does not do: a terminal of a given size, raw requests. */
export function sshClient(port: Port | number, user: string, config: ssh2.ConnectConfig = {}): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    client.on('ready', () => resolve(client))
    client.on('error', reject)
    client.on('close', () => reject(new Error('closed')))
    client.connect({ host: '127.0.0.1', port: typeof port === 'number' ? port : port.port, username: user, ...config })
  })
}

/** A command on a channel of its own, with nothing to read, to its end. */
export function execOn(client: Client, command: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error !== undefined) return reject(error)
      let [code, stdout, stderr]: [number | null, string, string] = [null, '', '']
      channel.setEncoding('utf8').on('data', (text: string) => (stdout += text))
      channel.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      channel.on('exit', (status: number | null) => (code = status))
      channel.on('close', () => resolve({ code, stdout, stderr }))
      return channel.end()
    })
  })
}

/** A command in a terminal of this size; what it wrote is gathered. */
export async function inTerminal(
  client: Client,
  command: string | undefined,
  { columns = 80, rows = 24 } = {},
): Promise<{ channel: ClientChannel; output: () => Buffer; over: Promise<{ code: number | null; signal?: string }> }> {
  const pty = { cols: columns, rows, term: 'xterm-256color' }
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    const opened = (error: Error | undefined, stream: ClientChannel): void =>
      error === undefined ? resolve(stream) : reject(error)
    if (command === undefined) client.shell(pty, opened)
    else client.exec(command, { pty }, opened)
  })
  const chunks: Buffer[] = []
  channel.on('data', (bytes: Buffer) => chunks.push(bytes))
  channel.stderr.on('data', (bytes: Buffer) => chunks.push(bytes))
  const over = new Promise<{ code: number | null; signal?: string }>((resolve) => {
    let ended: { code: number | null; signal?: string } = { code: null }
    channel.on('exit', (code: number | null, signal?: string) => {
      ended = { code, ...(signal === undefined ? {} : { signal }) }
    })
    channel.on('close', () => resolve(ended))
  })
  return { channel, output: () => Buffer.concat(chunks), over }
}

/** Type and base64, as in a .pub file. */
export function publicKeyOf(privateKey: string): string {
  const key = ssh2.utils.parseKey(privateKey)
  if (key instanceof Error) throw key
  return `${key.type} ${key.getPublicSSH().toString('base64')}`
}
