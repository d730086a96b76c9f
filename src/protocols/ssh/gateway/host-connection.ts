import type { Client, Connection } from 'ssh2'
import type { Session } from '../../../gateway/engine.ts'
import type { PamError } from '../../../shared/errors.ts'
import type { CommandReader } from '../../../host/command/command-reader.ts'
import type { FindLoginShell } from './login-shell.ts'
import type { SshTarget } from '../target.ts'
import type { PathResolver } from '../transfer/path-resolver.ts'

/** One client's SSH connection and the one to the target that belongs to it. */
export interface HostConnection {
  readonly session: Session<SshTarget>
  readonly client: Connection
  readonly upstream: Client
  readonly channels: Set<OpenChannel>
  readonly paths: PathResolver
  readonly commands: CommandLines
  /** For the client, where the protocol had no place for them: the next program says them. */
  readonly notices: string[]
  /** Runs what may find that the record has failed. */
  guard(work: () => void): void
  /** What goes wrong with one channel is logged; what was the session's own end, ends it. */
  readonly failed: (error: unknown) => void
}

/** How command lines of a connection are read. */
export interface CommandLines {
  readonly shell: FindLoginShell
  readonly reader: CommandReader
}

/** Ends what a channel runs; resolves with whether it is surely gone. */
export interface OpenChannel {
  end(reason: PamError): Promise<boolean>
}
