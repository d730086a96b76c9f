import type { Clock } from '../shared/clock.ts'
import { PamError } from '../shared/errors.ts'
import { isSecretReference, resolveSecret } from './secret-reference.ts'
import type { DatabaseUser, HeldSecret, IdentityTokenRequest, Secrets, SshCertificateRequest } from './secrets.ts'
import {
  isMadeForSessions,
  parseStoreReference,
  type CredentialReference,
  type StoreName,
  type StoreReference,
} from './store-reference.ts'
import { StoreFailure, type StoredSecret } from './stores/store.ts'

/** The stores that are configured. Each throws StoreFailure. */
export interface Stores {
  /** A secret of a store; undefined where that store is not configured. */
  read(reference: StoreReference): Promise<StoredSecret> | undefined
  databaseUser(reference: Extract<StoreReference, { readonly store: 'vault-db' }>): Promise<DatabaseUser> | undefined
  /** A line as of a -cert.pub file. */
  sshCertificate(
    reference: Extract<StoreReference, { readonly store: 'vault-ssh' }>,
    request: SshCertificateRequest,
  ): Promise<string> | undefined
  identityToken(request: IdentityTokenRequest): Promise<string> | undefined
}

/** A store, or a secret in it, that cannot be had, or can be had again. */
export interface StoreChange {
  /** The store, or the reference where only one secret is concerned. */
  readonly what: string
  /** Undefined once it works again. */
  readonly problem: string | undefined
}

export interface StoreSecretsParts {
  readonly baseDirectory: string
  readonly stores: Stores
  /** Milliseconds that secrets are kept at most. */
  readonly cacheFor: number
  readonly clock: Clock
  /** Told once when something stops working, and once when it works again. */
  readonly onChange: (change: StoreChange) => void
}

interface Kept {
  readonly text: string
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** Credentials of the gateway's machine and of stores, which are asked when a session needs them and remembered for the time that they allow. */
export class StoreSecrets implements Secrets {
  readonly #parts: StoreSecretsParts
  readonly #kept = new Map<string, Kept>()
  readonly #asked = new Map<string, Promise<Kept>>()
  readonly #problems = new Map<string, string>()

  constructor(parts: StoreSecretsParts) {
    this.#parts = parts
  }

  /** What does not work now, by store or reference. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems
  }

  get baseDirectory(): string {
    return this.#parts.baseDirectory
  }

  async read(reference: CredentialReference): Promise<string> {
    if (isSecretReference(reference)) return resolveSecret(reference, this.#parts.baseDirectory)
    return (await this.#current(reference)).text
  }

  async hold(reference: CredentialReference): Promise<HeldSecret> {
    if (!isSecretReference(reference)) return this.#holdStored(reference)
    const { baseDirectory } = this.#parts
    // A missing one is found here, and not at the first use.
    resolveSecret(reference, baseDirectory)
    return {
      get value() {
        return resolveSecret(reference, baseDirectory)
      },
      release() {},
    }
  }

  async databaseUser(reference: CredentialReference): Promise<DatabaseUser> {
    const parsed = parseStoreReference(reference)
    const asked = parsed?.store === 'vault-db' ? this.#parts.stores.databaseUser(parsed) : undefined
    if (asked === undefined) throw notConfigured(reference)
    return this.#watched(reference, () => asked)
  }

  async sshCertificate<T>(
    reference: CredentialReference,
    request: SshCertificateRequest,
    accept: (line: string) => T,
  ): Promise<T> {
    const parsed = parseStoreReference(reference)
    const asked = parsed?.store === 'vault-ssh' ? this.#parts.stores.sshCertificate(parsed, request) : undefined
    if (asked === undefined) throw notConfigured(reference)
    return this.#watched(reference, async () => accept(await asked))
  }

  async identityToken(request: IdentityTokenRequest): Promise<HeldSecret> {
    const { clock, stores } = this.#parts
    const name = `${TOKENS[request.type]}:${request.type}`
    const ask = async (): Promise<Kept> => {
      const text = await this.#watched(name, () => {
        const asked = stores.identityToken(request)
        if (asked === undefined) throw notConfigured(name)
        return asked
      })
      return { text, until: clock.now() + TOKEN_MS }
    }
    return this.#keepCurrent(name, await ask(), ask)
  }

  async #holdStored(reference: CredentialReference): Promise<HeldSecret> {
    const first = await this.#current(reference)
    return this.#keepCurrent(reference, first, async (current) => {
      const kept = this.#kept.get(reference)
      // Another session may have asked since.
      return kept !== undefined && kept.until > current.until ? kept : this.#ask(reference)
    })
  }

  /** Asks anew before the time is over; where there is no answer, the last value is good until then. */
  #keepCurrent(reference: string, first: Kept, ask: (current: Kept) => Promise<Kept>): HeldSecret {
    const { clock } = this.#parts
    let current = first
    let failure: PamError | undefined
    let isReleased = false
    let cancel = (): void => {}
    const schedule = (): void => {
      const wait = Math.max((current.until - clock.now()) / 2, SHORTEST_WAIT_MS)
      cancel = clock.at(clock.now() + wait, () => void refresh())
    }
    const refresh = async (): Promise<void> => {
      try {
        current = await ask(current)
        failure = undefined
      } catch (error) {
        failure = error instanceof PamError ? error : unavailable(reference, error)
      }
      if (!isReleased) schedule()
    }
    schedule()
    return {
      get value() {
        // A time of zero lets it be used once it is there; from then on it is what was read last that counts.
        if (failure !== undefined && clock.now() >= current.until) throw failure
        return current.text
      },
      release() {
        isReleased = true
        cancel()
      },
    }
  }

  #current(reference: CredentialReference): Promise<Kept> {
    const kept = this.#kept.get(reference)
    if (kept !== undefined && kept.until > this.#parts.clock.now()) return Promise.resolve(kept)
    this.#kept.delete(reference)
    return this.#ask(reference)
  }

  /** One request for all that wait for the same secret. */
  #ask(reference: CredentialReference): Promise<Kept> {
    const pending = this.#asked.get(reference)
    if (pending !== undefined) return pending
    const asked = this.#readStore(reference).finally(() => this.#asked.delete(reference))
    this.#asked.set(reference, asked)
    return asked
  }

  async #readStore(reference: CredentialReference): Promise<Kept> {
    const { clock, cacheFor, stores } = this.#parts
    const parsed = parseStoreReference(reference)
    const { text, keepFor = cacheFor } = await this.#watched(reference, () => {
      const asked = parsed === undefined || isMadeForSessions(parsed) ? undefined : stores.read(parsed)
      if (asked === undefined) throw notConfigured(reference)
      return asked
    })
    const kept = { text, until: clock.now() + Math.min(keepFor, cacheFor) }
    if (kept.until > clock.now()) this.#kept.set(reference, kept)
    return kept
  }

  /** Takes note of what works and what does not. The store's own words go nowhere. */
  async #watched<T>(reference: string, ask: () => Promise<T>): Promise<T> {
    const store = storeOf(reference)
    try {
      const result = await ask()
      this.#note(store, undefined)
      this.#note(reference, undefined)
      return result
    } catch (error) {
      if (error instanceof StoreFailure && error.scope === 'store') this.#note(store, error.message)
      else if (error instanceof StoreFailure) {
        this.#note(store, undefined)
        this.#note(reference, error.message)
      }
      // A file or variable that the store is signed in to with.
      else if (error instanceof PamError && error.code === 'CONFIG_INVALID') this.#note(store, error.message)
      throw error instanceof StoreFailure || error instanceof PamError ? unavailable(reference, error) : error
    }
  }

  #note(what: string, problem: string | undefined): void {
    const isKnown = this.#problems.has(what)
    if (problem === undefined) this.#problems.delete(what)
    else this.#problems.set(what, problem)
    if (isKnown !== (problem !== undefined)) this.#parts.onChange({ what, problem })
  }
}

const storeOf = (reference: string): string => LABELS[reference.split(':')[0] as StoreName] ?? reference

/** What stores are called in readiness, the audit log and errors. */
const LABELS: Readonly<Record<StoreName, string>> = {
  vault: 'the vault',
  'vault-db': 'the vault',
  'vault-ssh': 'the vault',
  'aws-sm': 'AWS',
  'gcp-sm': 'Google Cloud',
  'azure-kv': 'Azure',
  secret: 'the sealed store',
}

/** What users are told: not which secret, and not where it is. The cause is for operators. */
function unavailable(reference: string, cause: unknown): PamError {
  return new PamError(
    'CREDENTIAL_UNAVAILABLE',
    `the gateway cannot get its credential for this target from ${storeOf(reference)}`,
    {
      side: 'gateway',
      cause: new Error(`${storeOf(reference)}: ${reference} ${cause instanceof Error ? cause.message : ''}`.trim()),
      hint: 'contact your administrator: pam-gateway check --connect and /readyz say why',
    },
  )
}

const notConfigured = (reference: string): PamError =>
  new PamError(
    'CONFIG_INVALID',
    `no store is configured for ${reference.split(':')[0]}: references; see secrets in the configuration`,
    {
      side: 'gateway',
    },
  )

/** Whose identity a token is of. */
const TOKENS = { rds: 'aws-sm', 'cloud-sql': 'gcp-sm' } as const satisfies Record<
  IdentityTokenRequest['type'],
  StoreName
>

/** Milliseconds. RDS takes a token for 15 minutes; one of Google is given out when it has four left, at least. */
const TOKEN_MS = 240_000
const SHORTEST_WAIT_MS = 5000
