import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { initConfig, type InitOptions } from '../../../src/server/init/init-config.ts'
import type { Questions } from '../../../src/server/init/questions.ts'

let directory: string
let output: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-init-'))
  output = join(directory, 'pam.yaml')
})
afterEach(() => rmSync(directory, { recursive: true }))

const ANSWERS: Readonly<Record<string, string>> = {
  publicUrl: 'https://pam.example.com/',
  issuer: 'https://idp.example.com',
  target: 'postgres://pam_app@db.example.com/shop',
  name: 'prod-db',
  users: 'engineering',
  approvers: 'sre',
  auditors: 'security',
}
const GIVEN: Omit<InitOptions, 'output'> = { ...ANSWERS, behindProxy: true }

/** Somebody at a terminal, who types a password as well. */
const somebody = (secret: string, asked: string[] = []): Questions => ({
  ask: async (option, _what, suggestion, check) => {
    asked.push(suggestion === '' ? option : `${option}=${suggestion}`)
    // As at the terminal, where the question is asked again.
    if (option === 'name') expect(() => check?.('Prod DB')).toThrow('the name "Prod DB": expected lower-case letters')
    return ANSWERS[option] ?? ''
  },
  secret: async () => secret,
  tls: async () => undefined,
})

const init = async (options: Partial<InitOptions>, questions?: Questions): Promise<string> => {
  let said = ''
  await initConfig({ output, ...options }, questions, (text) => (said += text))
  return said
}

describe('pam-gateway init', () => {
  it('asks for what no option says, and suggests what is usual', async () => {
    const asked: string[] = []
    const said = await init({}, somebody('', asked))
    expect(asked).toEqual([
      'publicUrl=https://pam.example.com',
      'issuer',
      'target',
      'name=shop',
      'users=engineering',
      'approvers=sre',
      'auditors=security',
    ])
    expect(readFileSync(output, 'utf8')).toContain('password: env:PROD_DB_PASSWORD')
    expect(said).toContain('  export PROD_DB_PASSWORD=…\n')
    expect(said).toContain('the redirect URI https://pam.example.com/auth/callback')
  })

  it('keeps a password that is typed in a file of its own, for its owner alone', async () => {
    const said = await init({}, somebody('CANARY'))
    expect(readFileSync(output, 'utf8')).toContain('password: file:secrets/prod-db\n')
    const file = join(directory, 'secrets', 'prod-db')
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual(['CANARY', 0o600])
    expect(said + readFileSync(output, 'utf8')).not.toContain('CANARY')
  })

  it('needs nobody where all options are given', async () => {
    await init(GIVEN)
    expect(readFileSync(output, 'utf8')).toContain('publicUrl: https://pam.example.com\n')
  })

  it('replaces no file', async () => {
    writeFileSync(output, 'mine')
    await expect(init(GIVEN)).rejects.toThrow(/exists and is not replaced$/)
    expect(readFileSync(output, 'utf8')).toBe('mine')
  })

  it.each<[string, Partial<InitOptions>, RegExp]>([
    [
      'nobody to ask',
      { publicUrl: 'https://pam.example.com', behindProxy: true },
      /^--issuer is missing, and there is no terminal/,
    ],
    ['plain HTTP for others', { ...GIVEN, publicUrl: 'http://pam.example.com' }, /must begin with https:\/\/$/],
    [
      'a public URL with a path',
      { ...GIVEN, publicUrl: 'https://example.com/pam' },
      /must not have more than a host and a port$/,
    ],
    [
      'an issuer that is no URL',
      { ...GIVEN, issuer: 'idp' },
      /^the URL of your OpenID provider.*: "idp" is not a URL$/,
    ],
    [
      'a name that no target can have',
      { ...GIVEN, name: 'Prod DB' },
      /^the name "Prod DB": expected lower-case letters/,
    ],
    [
      'a certificate without key',
      { ...GIVEN, certificate: 'a' },
      /^give --certificate and --key together, or neither$/,
    ],
    ['TLS that nobody ends', { ...GIVEN, behindProxy: false }, /needs --certificate and --key, or --behind-proxy$/],
    [
      'a secret on the command line',
      { ...GIVEN, credential: 'hunter2' },
      /^--credential must be env:NAME or file:PATH/,
    ],
  ])('refuses %s, and writes nothing', async (_what, options, message) => {
    await expect(init(options)).rejects.toThrow(message)
    expect(existsSync(output)).toBe(false)
  })
})
