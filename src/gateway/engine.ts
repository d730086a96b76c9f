import type { Recorder } from '../recording/recorder.ts'
import type { HashKeys } from '../masking/replace.ts'
import type { MaskingPlan } from '../masking/plan.ts'
import type { Facts, Person, Target } from '../policy/command.ts'
import type { CredentialLease } from '../credentials/credential.ts'
import type { Channel } from '../shared/channel.ts'
import type { PamError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { TargetConfig } from './target.ts'

/** What a protocol implements. It alone knows the wire format; the core never sees bytes. It is given targets of its own kind alone. */
export interface Engine<Hello = unknown, C extends TargetConfig = TargetConfig> {
  readonly protocol: string
  /**
   * `per-connect` where clients open many connections: those of one login as one account share a session, with one grant, one record and
   * one entry in the registry. `serve` sees each as if it were alone: `ended` and `end` are the connection's.
   */
  readonly sessions?: 'per-connect'
  /**
   * Reads what the client sends first; where servers speak first, greets it. Nothing is open for the client yet, and nothing reaches the
   * target. Returns `handled` for a connection that is done: one that only cancels what another connection of the same person runs.
   */
  greet(client: Channel, caller: Caller<C>, limits: HandshakeLimits): Promise<Greeting<Hello> | 'handled'>
  /** Serves the connection to its end; resolves when both sides are closed. `tell` shows a notice to the person, for protocols that have none for a waiting client. */
  serve(client: Channel, hello: Hello, session: Session, tell: (notice: string) => void): Promise<void>
  /**
   * Analyses a command without a connection, for testing rules. Unqualified names are taken for tables of `public` or of the target's
   * default database, and functions for the system's.
   */
  read(text: string, target?: C): Promise<{ readonly facts: Facts; readonly refusal: PamError | undefined }>
  /** Logs in to the target and out again, within the limits, and reports what it found. Fails as a session would. */
  probe(target: C, lease: CredentialLease, limits: ConnectLimits): Promise<Probe>
  /** Refuses the client in its own protocol, then closes. */
  refuse(client: Channel, error: PamError): void | Promise<void>
  /** What the gateway itself presents to clients of this protocol. */
  facts(): { readonly hostKeys?: readonly string[]; readonly hostAuthorities?: readonly string[] }
  close(): Promise<void>
}

/** What a target reported about itself. */
export interface Probe {
  readonly details: readonly string[]
  readonly warnings: readonly string[]
  /** The columns of its relations, if it has any, by the relation's full name; system relations without columns. */
  readonly relations?: ReadonlyMap<string, readonly string[]>
}

/** Who connects, and to what. Access is checked once the client has named an account. */
export interface Caller<C extends TargetConfig = TargetConfig> {
  readonly personId: string
  readonly target: C
}

export interface Greeting<Hello> {
  readonly hello: Hello
  /** The account that the client asks for, where its protocol names one. */
  readonly account?: string
}

export interface HandshakeLimits {
  /** Milliseconds. */
  readonly handshake: number
}

export interface ConnectLimits extends HandshakeLimits {
  /** Milliseconds and bytes for reading a target's catalogs. */
  readonly catalogs: number
  readonly catalogBytes: number
}

/** One person's connection to one target. */
export interface Session<C extends TargetConfig = TargetConfig> {
  readonly id: string
  readonly person: Person
  readonly target: Target
  readonly config: C
  /** The target as it is configured now: a reload changes it under a live session. */
  configNow(): C
  /** When its grant ends, as it is now: it may be extended. */
  endsAt(): number
  readonly lease: CredentialLease
  readonly masking: MaskingPlan
  /** The target itself must refuse to write, too. */
  readonly readOnly: boolean
  readonly recorder: Recorder
  readonly limits: ConnectLimits & {
    readonly statementBytes: number
    readonly resultMessageBytes: number
  }
  readonly logger: Logger
  /** Aborts when the session must end; the reason is a PamError. */
  readonly ended: AbortSignal
  end(reason: PamError): void
  /**
   * For work that goes on after its connection: the session as such, which stays open until that is released. Undefined where the connection is the session. Throws
   * where too much keeps it open already.
   */
  outlive?(): OutlivedSession<C>
  /** Evaluates policy, records the command, and for a hold files an approval. The engine forwards only on `forward`. */
  decide(command: CommandDraft): Decision
  /**
   * The standing decision for an allowed command that comes again with other parameters. Undefined where `decide` must be asked each time.
   */
  repeated(command: CommandDraft): RepeatedCommand | undefined
  /** Why policy denies a command whatever its parameters; only such a denial is recorded. */
  preview(command: CommandDraft): PamError | undefined
  /** Whether policy denies it, without a record: asked before the target is queried about a command that is decided on afterwards. */
  denies(command: CommandDraft): boolean
  /** Whether the current rules decide on each command by its text alone, whatever the target's catalogs say. */
  decidesByText(): boolean
  /** Keys for the hashes that replace masked values. */
  readonly hashKeys: HashKeys
  /** A keyed digest: nobody without the key can test guesses against it. */
  commitment(text: string): string
  /** Its key, for a worker thread that computes the same digests (`commitmentsUnder`). */
  readonly commitmentKey: Uint8Array
}

export interface OutlivedSession<C extends TargetConfig = TargetConfig> {
  readonly session: Session<C>
  readonly release: () => void
}

export interface CommandDraft {
  readonly text: string
  readonly parameters: readonly (string | null)[]
  readonly facts: Facts
  /** Text and parameters as they may be recorded. */
  readonly recorded: Recordable
  /** Comparisons with masked columns, which count against the grant's limit. */
  readonly comparisons: readonly { readonly column: string; readonly count: number; readonly budget: number }[]
  /** For the approver: what matters besides the effect. */
  notes(): readonly string[]
  /** For the approver: how much the command touches, in words, where that can be estimated without running it. */
  estimate(): Promise<string | undefined>
  /** Refused whatever policy says. */
  readonly refusal: PamError | undefined
  /**
   * What the refusal rests on, where the statement of this index names something that does not exist. The client gets these words instead
   * unless the rules, given `facts` of that statement as if it existed, would refuse it.
   */
  readonly refusedFor?: { readonly error: PamError; readonly at: number; readonly facts: Facts } | undefined
  /**
   * The command can only fail with this error, since something that it names does not exist. The client gets the error unless the rules,
   * given `facts` as if that existed, would refuse the command: whoever may not see an object is not told whether it exists.
   */
  readonly missing?: { readonly error: PamError; readonly facts: Facts } | undefined
  /** What else an approval covers, where rules ask once per command; undefined: nothing else. */
  readonly batch?: CommandBatch | undefined
  /** Why the command is refused unless a rule allows it: it cannot be held. */
  readonly unread?: PamError | undefined
  /** Why nobody can be asked about the command: not all of it was read. Where a rule holds it, it is refused with this; one that denies it has its own words. */
  readonly tooLarge?: PamError | undefined
  /** What the effect depends on besides the text: settings, role. An approval is bound to it. */
  readonly context: Readonly<Record<string, string>>
  /** Whether the client has a transaction open, whose locks stay while an approver decides. */
  readonly inTransaction: boolean
  /** Analyses the command again, right before it is forwarded after an approval. */
  again(): Promise<CommandDraft>
}

/**
 * A request that is one of several of the same client command. Only the client says that they belong together: approvers are shown
 * everything that an approval covers, and it covers nothing else.
 */
export interface CommandBatch {
  /** What this request does, without what may differ between requests under one approval. */
  readonly item: string
  /** The `item` of each other request that an approval of this one covers. */
  readonly covers: readonly string[]
  /** How many requests it covers. */
  readonly limit: number
  /** The same for the approver, as text; empty where it covers nothing else. */
  readonly shown: readonly string[]
}

/** An allowed command that may come again with other parameters. */
export interface RepeatedCommand {
  /** Whether the decision still holds: the rules are the same, and the session has not ended. */
  readonly isAllowed: boolean
  /** Records the command as `decide` would. `recorded`: the parameters as they may be recorded. Returns the id of the decision. */
  record(parameters: CommandDraft['parameters'], recorded: CommandDraft['parameters'], inTransaction: boolean): string
  /** The same for another text without parameters that does the same. `recorded`: the text as it may be recorded. */
  recordText(text: string, recorded: string, inTransaction: boolean): string
}

export interface Recordable {
  readonly text: string
  readonly parameters: readonly (string | null)[]
  /**
   * What is said of the command for good besides its text (names of what it reads and writes, reasons, its effect for an approver), with a commitment in place of
   * each value that the text has one for. Undefined where the facts have no values in them.
   */
  readonly keep?: (said: string) => string
  /** The original, where it cannot be determined what in it is secret: the record keeps it as a detached text. */
  readonly detached?: string
}

export type Decision = Verdict | Hold

export type Verdict =
  | { readonly type: 'forward'; readonly id: string }
  | { readonly type: 'refuse'; readonly id: string; readonly error: PamError }

/** A person decides. The engine keeps the bytes, tells the client and waits. */
export interface Hold {
  readonly type: 'hold'
  readonly id: string
  /** The id of the approval that it waits for. */
  readonly approval: string
  /** Who may decide, and for how long it waits. */
  readonly waitsFor: string
  /** To be shown once it is `filed` to somebody at a terminal, whose client waits: how to withdraw it besides. */
  readonly notice: string
  /** Whether people were asked: from then on the approval can be looked up. False where it was settled before. */
  readonly filed: Promise<boolean>
  readonly verdict: Promise<Verdict>
  /** The client has cancelled it. */
  withdraw(): void
}

/** Narrows a session to an engine's own kind of target; the list of protocols gives an engine no other. */
export function sessionFor<C extends TargetConfig>(type: C['type'], session: Session): Session<C> {
  if (session.config.type !== type) throw new Error(`${session.config.name} is not a target of type ${type}`)
  return session as Session<C>
}
