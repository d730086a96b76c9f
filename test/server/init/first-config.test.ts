import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkPolicy } from '../../../src/server/check/check-policy.ts'
import { closeProtocols, createProtocols } from '../../../src/server/protocols.ts'
import { parseConfig } from '../../../src/server/config/config.ts'
import { firstConfig, type FirstAnswers } from '../../../src/server/init/first-config.ts'
import { readTargetUrl } from '../../../src/server/init/first-target.ts'
import { sampledRuns } from '../../helpers/sampled.ts'

const ANSWERS: FirstAnswers = {
  publicUrl: 'https://pam.example.com',
  tls: undefined,
  dataDirectory: 'pam-data',
  issuer: 'https://idp.example.com/realms/shop',
  issuerCa: undefined,
  clientId: 'pamctl',
  users: 'engineering',
  approvers: 'sre',
  auditors: 'security',
  target: readTargetUrl('postgres://pam_app@db.example.com/shop', 'prod-db'),
  credential: 'env:PROD_DB_PASSWORD',
  knownHosts: undefined,
}

describe('a first configuration', () => {
  it.each([
    ['postgres', 'postgres://pam_app@db.example.com/shop'],
    ['mysql', 'mysql://pam_app@db.example.com/shop'],
    ['ssh', 'ssh://deploy@web.example.com'],
    ['kubernetes', 'kubernetes://api.example.com:6443'],
    ['http', 'https://billing.example.com'],
  ])('loads without a warning for a target of type %s', (type, url) => {
    const { warnings, targets } = parseConfig(
      firstConfig({ ...ANSWERS, target: readTargetUrl(url, 'one') }),
      'pam.yaml',
    )
    expect([warnings, targets.map((target) => target.type)]).toEqual([[], [type]])
  })

  it('names a page that is there, and listens on no port that nobody asked for', () => {
    const text = firstConfig(ANSWERS)
    const [, page = ''] = /^# pam-gateway reads this file; (.*) lists every key\.$/m.exec(text) ?? []
    expect(isAbsolute(page) && existsSync(page)).toBe(true)
    expect(parseConfig(text, 'pam.yaml').listen.operations).toBeUndefined()
    const asked = text.replace(/^( *)# (operations: .*)$/m, '$1$2')
    expect(parseConfig(asked, 'pam.yaml').listen.operations).toEqual({ host: '127.0.0.1', port: 9464 })
  })

  it('says how to mask columns of a database by name, which loads as well', () => {
    const text = firstConfig(ANSWERS)
    const [line, columns] = /^ {2}# {3}(columns: .*)$/m.exec(text) ?? []
    expect(columns).toBeDefined()
    const named = text.replace(`${line}\n`, '').replace(/^ {4}kinds: .*$/m, (kinds) => `${kinds}\n    ${columns}`)
    expect(parseConfig(named, 'pam.yaml').warnings).toEqual([])
    expect(firstConfig({ ...ANSWERS, target: readTargetUrl('ssh://deploy@web.example.com', 'web') })).not.toContain(
      'columns',
    )
  })

  it('of a host holds whatever it does not list, shells and what cannot be read among it', async () => {
    const target = readTargetUrl('ssh://deploy@web.example.com', 'web')
    const config = parseConfig(firstConfig({ ...ANSWERS, target }), 'pam.yaml')
    const protocols = await createProtocols(config, {
      firstUse: { find: () => Promise.resolve(undefined), keep: () => Promise.resolve() },
    })
    const given = ['uptime', 'cat /etc/hosts', 'bash -c "$X"', 'eval x', 'unheard-of program', 'ls /; rm -rf /srv']
    const tests = given.map((text) => ({
      given: text,
      target: 'web',
      groups: ['engineering'],
      kind: 'person' as const,
      expect: text === 'uptime' ? ('allow' as const) : ('hold' as const),
    }))
    const results = await checkPolicy(tests, config.policy, config.targets, protocols)
    await closeProtocols(protocols)
    expect(results.filter(({ passed }) => !passed)).toEqual([])
  })

  it('listens where the public URL says, with a certificate, behind a proxy, and on this machine alone', () => {
    const listen = (answers: Partial<FirstAnswers>) => parseConfig(firstConfig({ ...ANSWERS, ...answers }), 'f').listen
    const tls = { certificate: 'gateway.crt', key: 'gateway.key' }
    expect(listen({ tls })).toMatchObject({ host: '0.0.0.0', port: 443, tls })
    expect(listen({ tls, publicUrl: 'https://pam.example.com:8443' })).toMatchObject({ port: 8443 })
    expect(listen({})).toMatchObject({ host: '127.0.0.1', port: 8443 })
    expect(listen({ publicUrl: 'http://127.0.0.1:8555' })).toMatchObject({ host: '127.0.0.1', port: 8555 })
  })

  it('says what was answered, whatever characters it has', () => {
    const word = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => text.trim() === text)
    fc.assert(
      fc.property(word, word, word, (users, clientId, dataDirectory) => {
        const { policy, identity, ...config } = parseConfig(
          firstConfig({ ...ANSWERS, users, clientId, dataDirectory: `d/${dataDirectory}` }),
          '/f',
        )
        expect(policy.access[0]?.who).toMatchObject({ groups: [users] })
        expect(identity.issuers[0]).toMatchObject({ clientId })
        expect(config.dataDirectory).toContain('/d')
      }),
      { numRuns: sampledRuns(50) },
    )
  })
})
