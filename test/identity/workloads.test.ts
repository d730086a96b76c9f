import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, SignJWT } from 'jose'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { identityVerifier, type IdentityVerifier } from '../../src/identity/identity-token.ts'
import { isOpenId, issuerSchema } from '../../src/identity/issuer.ts'
import { check } from '../../src/server/check/check-config.ts'
import { parseConfig } from '../../src/server/config/config.ts'
import { ROOT } from '../helpers/run.ts'

const page = readFileSync(join(ROOT, 'docs/identity/workloads.md'), 'utf8')
const examples = [...page.matchAll(/^## (.*)\n[^]*?```yaml\n([^]*?)```/gm)].map(([, name = '', yaml = '']) => ({
  name,
  yaml,
}))
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const NOW = 1_800_000_000

/** Claims as each platform documents them, but for iss and aud, and what must not vary. */
const TOKENS: Readonly<
  Record<string, { readonly claims: Record<string, unknown>; readonly fixed: readonly string[] }>
> = {
  'GitHub Actions': {
    claims: {
      sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
      repository: 'octo-org/octo-repo',
      repository_id: '74',
      repository_owner_id: '65',
      ref: 'refs/heads/main',
      event_name: 'push',
      workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
    },
    fixed: ['repository_id', 'ref', 'event_name'],
  },
  'GitLab CI/CD': {
    claims: {
      sub: 'project_path:my-group/my-project:ref_type:branch:ref:main',
      project_id: '20',
      project_path: 'my-group/my-project',
      ref: 'main',
      ref_type: 'branch',
      ref_protected: 'true',
      runner_id: 1,
    },
    fixed: ['project_id', 'ref', 'ref_type', 'ref_protected'],
  },
  Kubernetes: {
    claims: {
      sub: 'system:serviceaccount:billing:migrations',
      'kubernetes.io': { namespace: 'billing', serviceaccount: { name: 'migrations', uid: '1' } },
    },
    fixed: ['sub'],
  },
  'SPIFFE (JWT-SVID)': { claims: { sub: 'spiffe://example.com/ns/billing/sa/migrations' }, fixed: ['sub'] },
  AWS: {
    claims: {
      sub: 'arn:aws:iam::123456789012:role/migrations',
      'https://sts.amazonaws.com/': { aws_account: '123456789012' },
    },
    fixed: ['sub'],
  },
  'Google Cloud': {
    claims: {
      sub: '107517467455664443765',
      azp: '107517467455664443765',
      email: 'migrations@project.iam.gserviceaccount.com',
      email_verified: true,
      google: { compute_engine: { project_id: 'project' } },
    },
    fixed: ['sub'],
  },
}

let jwk: object
beforeAll(async () => {
  jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'RS256' }
})

const verifierOf = (issuers: readonly object[]): IdentityVerifier =>
  identityVerifier(
    issuers.map((given) => {
      const issuer = issuerSchema.parse(given)
      const answers = async (input: string | URL | Request): Promise<Response> =>
        Response.json(
          String(input).endsWith('/jwks') ? { keys: [jwk] } : { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` },
        )
      return { ...issuer, authority: undefined, fetch: answers }
    }),
  )
const sign = (claims: Record<string, unknown>): Promise<string> =>
  new SignJWT({ iat: NOW, exp: NOW + 300, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k' })
    .sign(keys.privateKey)

it('pam-gateway check takes all examples, side by side', async () => {
  expect(examples.map(({ name }) => name)).toEqual(Object.keys(TOKENS))
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-check-'))
  const file = join(directory, 'pam.yaml')
  writeFileSync(
    file,
    `identity:\n  issuers:\n${examples.map(({ yaml }) => yaml.replace(/^identity:\n {2}issuers:\n/, '')).join('')}`,
  )
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      said[stream] += String(text)
      return true
    })
  await check(file, { connect: false, json: false })
  vi.restoreAllMocks()
  rmSync(directory, { recursive: true })
  expect([process.exitCode, said.stderr]).toEqual([undefined, ''])
  expect(said.stdout).toContain('is valid')
})

describe.each(examples)('$name', ({ name, yaml }) => {
  const [issuer] = parseConfig(yaml, 'page').identity.issuers.filter(isOpenId)
  const { claims, fixed } = TOKENS[name] ?? { claims: {}, fixed: [] }
  const own = { iss: issuer?.url, aud: issuer?.audience }

  it('signs in as a service with the groups of the issuer', async () => {
    const identity = await verifierOf([issuer ?? {}]).verify(await sign({ ...own, ...claims }), NOW * 1000)
    expect(identity).toMatchObject({
      kind: 'service',
      id: `${own.iss}|${String(claims['sub'])}`,
      groups: issuer?.groups,
    })
  })

  it('is rejected if anything that is required differs, or is missing', async () => {
    const verifier = verifierOf([issuer ?? {}])
    for (const claim of [...fixed, 'aud', 'iss'])
      for (const value of ['other', `${String({ ...own, ...claims }[claim])} `, ['x'], true, undefined])
        await expect(
          verifier.verify(await sign({ ...own, ...claims, [claim]: value }), NOW * 1000),
          `${claim} ${String(value)}`,
        ).rejects.toMatchObject({ code: expect.stringMatching(/^(?:TOKEN_INVALID|ISSUER_UNTRUSTED)$/) })
  })
})

describe('one claim joins a person across issuers', () => {
  const issuers = ['https://a.example.com', 'https://b.example.com'].map((url) => ({
    url,
    for: 'people',
    clientId: 'pamctl',
    personClaim: 'employee',
  }))
  const at = async (iss: string, claims: object) =>
    (await verifierOf(issuers).verify(await sign({ iss, aud: 'pamctl', sub: `${iss} 1`, ...claims }), NOW * 1000)).id

  it('so that a requester at one cannot approve at the other', async () => {
    const [a, b] = [
      await at('https://a.example.com', { employee: '7' }),
      await at('https://b.example.com', { employee: '7' }),
    ]
    expect([a, b]).toEqual(['employee|7', 'employee|7'])
    expect(await at('https://b.example.com', { employee: '8' })).toBe('employee|8')
  })

  it.each([[undefined], [''], [7], [['7']], [null]])('and %o names nobody', async (employee) => {
    await expect(at('https://a.example.com', { employee })).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  })
})
