import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ScramClient, type ScramOptions } from '../../../../../src/protocols/postgres/gateway/login/scram.ts'

const OPTIONS: ScramOptions = {
  password: 'pencil',
  tls: undefined,
  channelBinding: 'prefer',
  mechanisms: ['SCRAM-SHA-256'],
  fewestIterations: 4096,
}
const BOTH = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']
const endPoint = Buffer.from('digest of a certificate')
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const nonceOf = (client: ScramClient): string => /r=(.*)$/.exec(client.first.toString())?.[1] ?? ''

/** What a server that knows the password makes of an exchange (RFC 5802, section 3). */
function server(client: ScramClient, password = 'pencil', iterations = 4096) {
  const salt = Buffer.from('salt of this account')
  const first = `r=${nonceOf(client)}server,s=${salt.toString('base64')},i=${iterations}`
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  return {
    first: Buffer.from(first),
    /** Whether the proof holds, and what the server proves in turn. */
    check(final: Buffer): { holds: boolean; binding: string; final: Buffer } {
      const [, without = '', binding = '', proof = ''] = /^(c=([^,]*),.*),p=(.*)$/.exec(final.toString()) ?? []
      const message = `${client.first.toString().replace(/^.*?,.*?,/, '')},${first},${without}`
      const stored = createHash('sha256').update(hmac(salted, 'Client Key')).digest()
      const signature = hmac(stored, message)
      const key = Buffer.from(Buffer.from(proof, 'base64').map((byte, index) => byte ^ (signature[index] as number)))
      return {
        holds: createHash('sha256').update(key).digest().equals(stored),
        binding: Buffer.from(binding, 'base64').toString(),
        final: Buffer.from(`v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`),
      }
    },
  }
}

describe('SCRAM', () => {
  it.each<[string, Partial<ScramOptions>, string, string]>([
    ['without TLS', {}, 'SCRAM-SHA-256', 'n,,'],
    [
      'bound to the certificate',
      { tls: { endPoint, verified: true }, mechanisms: BOTH },
      'SCRAM-SHA-256-PLUS',
      `p=tls-server-end-point,,${endPoint.toString()}`,
    ],
    ['where the server could not bind', { tls: { endPoint, verified: true } }, 'SCRAM-SHA-256', 'y,,'],
    [
      'where it is not wanted',
      { tls: { endPoint, verified: false }, mechanisms: BOTH, channelBinding: 'disable' },
      'SCRAM-SHA-256',
      'n,,',
    ],
    [
      'where a verified certificate gives nothing to bind to',
      { tls: { endPoint: undefined, verified: true }, mechanisms: BOTH },
      'SCRAM-SHA-256',
      'n,,',
    ],
  ])('%s', async (_, more, mechanism, binding) => {
    const client = new ScramClient({ ...OPTIONS, ...more })
    expect(client.mechanism).toBe(mechanism)
    const peer = server(client)
    const seen = peer.check(await client.proof(peer.first, 'target'))
    expect(seen).toMatchObject({ holds: true, binding })
    expect(() => client.verify(seen.final)).not.toThrow()
  })

  it.each<[string, Partial<ScramOptions>]>([
    [
      'an unverified certificate that cannot be bound to',
      { tls: { endPoint: undefined, verified: false }, mechanisms: BOTH },
    ],
    ['binding is required, and not offered', { tls: { endPoint, verified: true }, channelBinding: 'require' }],
    ['no mechanism is known', { mechanisms: ['SCRAM-SHA-1'] }],
    ['without TLS nothing is bound, whatever is offered', { mechanisms: ['SCRAM-SHA-256-PLUS'] }],
  ])('nothing is proven where %s', (_, more) => {
    expect(() => new ScramClient({ ...OPTIONS, ...more })).toThrow()
  })

  it('a server that does not know the password is found out', async () => {
    const client = new ScramClient(OPTIONS)
    const impostor = server(client, 'another')
    const seen = impostor.check(await client.proof(impostor.first, 'impostor'))
    expect(seen.holds).toBe(false)
    expect(() => client.verify(seen.final)).toThrow('does not prove')
    for (const final of ['', 'v=', 'e=other-error', `${seen.final.toString()},x=1`])
      expect(() => client.verify(Buffer.from(final))).toThrow('does not prove')
  })

  it('no server is believed before it was given a proof', () => {
    const empty = Buffer.from(`v=${Buffer.alloc(32).toString('base64')}`)
    expect(() => new ScramClient(OPTIONS).verify(empty)).toThrow('does not prove')
  })

  it.each<[string, (nonce: string) => string]>([
    ['the nonce of somebody else', () => 'r=other,s=c2FsdA==,i=4096'],
    ['the nonce alone', (nonce) => `r=${nonce},s=c2FsdA==,i=4096`],
    ['too few rounds', (nonce) => `r=${nonce}x,s=c2FsdA==,i=4095`],
    ['rounds for an hour', (nonce) => `r=${nonce}x,s=c2FsdA==,i=100000000`],
    ['an extension', (nonce) => `m=x,r=${nonce}x,s=c2FsdA==,i=4096`],
    ['no salt', (nonce) => `r=${nonce}x,s=,i=4096`],
    ['something behind it', (nonce) => `r=${nonce}x,s=c2FsdA==,i=4096,x=1`],
  ])('%s is refused', async (_, first) => {
    const client = new ScramClient(OPTIONS)
    await expect(client.proof(Buffer.from(first(nonceOf(client))), 'target')).rejects.toThrow(/^SCRAM: /)
  })
})
