import type { X509Certificate } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { access, mkdtemp, readFile, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { probeIssuer } from '../../identity/probe-issuer.ts'
import type { TrustedIssuer } from '../../identity/issuer.ts'
import type { SamlClient } from '../../identity/saml/service-provider.ts'
import { certificateExpiry } from '../../shared/certificate-expiry.ts'
import { certificatesOf } from '../../shared/certificates.ts'
import { PamError } from '../../shared/errors.ts'
import { newId } from '../../shared/id.ts'
import { visible } from '../../shared/visible.ts'
import { openSqliteToRead } from '../../storage/database.ts'
import { StoreSecrets } from '../../credentials/store-secrets.ts'
import { isSecretReference } from '../../credentials/secret-reference.ts'
import {
  isCredentialReference,
  isMadeForSessions,
  parseStoreReference,
  type CredentialReference,
} from '../../credentials/store-reference.ts'
import { neededValues } from '../../shared/needed-values.ts'
import { kindOf } from '../config/target-kind.ts'
import { systemClock } from '../../shared/clock.ts'
import type { Config } from '../config/config.ts'
import { storesBeside } from '../start-secrets.ts'
import { credentialSource } from '../../gateway/credential-source.ts'
import type { RunningProtocol } from '../protocols.ts'
import { checkAddress, listenAddresses } from './check-listen.ts'
import { missingNames, type Relations } from './missing-names.ts'
import { openHome } from '../start-evidence.ts'

/** How one attempt came out. */
export interface ConnectResult {
  /** `target prod-db as app`. */
  readonly what: string
  readonly state: 'ok' | 'warning' | 'failed'
  readonly detail: string
}

/** Tries what a running gateway depends on, all at once, each for a bounded time. Changes nothing but the logs of others. */
export async function checkConnections(
  config: Config,
  {
    protocols,
    issuers,
    saml,
  }: {
    protocols: ReadonlyMap<string, RunningProtocol>
    issuers: readonly TrustedIssuer[]
    saml: readonly SamlClient[]
  },
): Promise<ConnectResult[]> {
  const relations = new Map<string, Relations>()
  const stores = storesBeside(config)
  const { baseDirectory } = config
  const { cacheFor } = config.secrets
  const secrets = new StoreSecrets({ baseDirectory, stores, cacheFor, clock: systemClock, onChange() {} })
  const results = await Promise.all([
    ...config.targets.flatMap((target) => {
      const { target: kind, engine } = protocols.get(target.type) as RunningProtocol
      return kind.accounts(target).map((account) =>
        attempt(`target ${target.name} as ${account}`, async () => {
          const at = Date.now()
          const lease = await credentialSource(kind, target, account, {}, secrets).lease({
            session: newId('ses'),
            person: { id: 'pam-gateway', label: 'pam-gateway' },
            at,
            endsAt: at + LIMIT,
            // Nobody's: what a check leaves behind is dropped once it has expired.
            gateway: '0'.repeat(16),
          })
          try {
            const probe = await engine.probe(target, lease, config.limits)
            if (probe.relations !== undefined) relations.set(target.name, probe.relations)
            return probe
          } finally {
            await lease.release()
          }
        }),
      )
    }),
    ...credentialReferences(config).map((reference) =>
      attempt(`credential ${reference}`, async () => {
        const expiry = certificateExpiry(await secrets.read(reference), Date.now())
        return { details: ['can be read'], warnings: expiry === undefined ? [] : [expiry] }
      }),
    ),
    ...issuers.map((issuer) => attempt(`issuer ${issuer.url} (${issuer.for})`, () => probeIssuer(issuer, LIMIT))),
    ...saml.map(({ issuer, metadata, keyPair }) =>
      attempt(`issuer ${issuer.name} (people, SAML)`, async () => {
        const { certificates } = await metadata.current(Date.now())
        const keys = `${certificates.length} signing ${certificates.length === 1 ? 'key' : 'keys'}`
        return {
          details: [keys, keyPair === undefined ? 'encrypted assertions refused' : 'decrypts assertions'],
          warnings:
            issuer.metadataUrl !== undefined && issuer.metadataCertificate === undefined
              ? ['its metadata is trusted only for the TLS certificate of its host: set metadataCertificate']
              : [],
        }
      }),
    ),
    ...listenAddresses(config).map((address) => attempt(`address ${address.key}`, () => checkAddress(address, config))),
    ...listeningCertificate(config),
    attempt('store', () => checkStore(config)),
    attempt('home of records', () => checkHome(config)),
  ])
  stores.close()
  return [
    ...results.flat(),
    ...missingNames(config, relations).map(({ what, message }): ConnectResult => ({
      what,
      state: 'warning',
      detail: shown(message),
    })),
  ]
}

/** Every reference to a secret in a store, once; what a store makes for each session is tried with its targets. */
function credentialReferences(config: Config): CredentialReference[] {
  const texts = config.targets.flatMap((target) => neededValues(kindOf(target).schema, target))
  return [...new Set(texts.flatMap(({ what, value }) => (what === 'credential' ? [value] : [])))].filter(
    (text): text is CredentialReference =>
      isCredentialReference(text) && !isSecretReference(text) && !isMadeForSessions(parseStoreReference(text)),
  )
}

interface Outcome {
  readonly details: readonly string[]
  readonly warnings?: readonly string[]
}

async function attempt(what: string, work: () => Promise<Outcome>): Promise<ConnectResult[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT / 1000} s`)), LIMIT)
  })
  try {
    const { details, warnings = [] } = await Promise.race([work(), late])
    return [
      { what, state: 'ok', detail: shown(details.join(', ')) },
      ...warnings.map((detail): ConnectResult => ({ what, state: 'warning', detail: shown(detail) })),
    ]
  } catch (error) {
    return [{ what, state: 'failed', detail: reasonOf(error) }]
  } finally {
    clearTimeout(timer)
  }
}

/** With the cause, which users are not shown: whoever checks the configuration may know addresses. */
function reasonOf(error: unknown): string {
  const said = [(error as Error).message]
  for (let cause = (error as Error).cause; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException
    const text = cause.message === '' ? (code ?? '') : cause.message
    if (text !== '' && !said.some((one) => one.includes(text))) said.push(text)
  }
  if (error instanceof PamError && error.hint !== undefined && said.length === 1) said.push(error.hint)
  return shown(said.join(': '))
}

/** One line of bounded length that moves no cursor: targets and providers choose some of it. */
const shown = (text: string): string => visible(text.replace(/\s+/g, ' ')).slice(0, 500)

function listeningCertificate(config: Config): Promise<ConnectResult[]>[] {
  const { tls } = config.listen
  if (tls === undefined) return []
  return [
    attempt('certificate of the gateway', async () => {
      const chain = certificatesOf(await readFile(resolve(config.baseDirectory, tls.certificate), 'latin1')) ?? []
      const [certificate, ...rest] = chain
      if (certificate === undefined) throw new Error(`${tls.certificate} has no certificate`)
      chainOf(certificate, rest)
      const expiry = certificateExpiry(chain.map(String).join('\n'), Date.now())
      if (Date.parse(certificate.validFrom) > Date.now()) throw new Error(`is valid from ${certificate.validFrom}`)
      if (expiry?.startsWith('has expired') === true) throw new Error(expiry)
      const warnings = expiry === undefined ? [] : [expiry]
      return { details: [`valid until ${certificate.validTo}`, `${chain.length} in the chain`], warnings }
    }),
  ]
}

/** Each certificate of the file is signed by the next one. */
function chainOf(certificate: X509Certificate, rest: readonly X509Certificate[]): void {
  let below = certificate
  for (const above of rest) {
    if (!below.checkIssued(above) || !below.verify(above.publicKey))
      throw new Error(`is out of order: ${nameOf(below)} is not signed by ${nameOf(above)}, which follows it`)
    below = above
  }
}

const nameOf = ({ subject }: X509Certificate): string => subject.replaceAll('\n', ', ')

async function checkStore({ dataDirectory }: Config): Promise<Outcome> {
  const store = join(dataDirectory, 'state.db')
  if (!existsSync(store)) {
    await isWritable(dataDirectory)
    return { details: [`${store} will be made at the first start`] }
  }
  await access(store, constants.W_OK)
  const db = openSqliteToRead(store)
  try {
    await db.read.selectFrom('grants').select('id').limit(1).execute()
  } finally {
    await db.close()
  }
  return { details: [store] }
}

async function checkHome(config: Config): Promise<Outcome> {
  const { home } = config.recording
  if (home?.type !== 's3') {
    const directory =
      home === undefined ? join(config.dataDirectory, 'recordings') : resolve(config.baseDirectory, home.path)
    await isWritable(directory)
    return { details: [directory] }
  }
  const opened = openHome(config)
  await opened.read('pam-gateway-check')
  return { details: [`${opened.label} answers; nothing was written`] }
}

/** The directory, or the nearest one above it that is there, takes a file. */
async function isWritable(directory: string): Promise<void> {
  const there = existsSync(directory)
  if (!there && dirname(directory) !== directory) return isWritable(dirname(directory))
  await rm(await mkdtemp(join(directory, '.pam-gateway-check-')), { recursive: true })
}

/** Milliseconds. */
const LIMIT = 15_000
