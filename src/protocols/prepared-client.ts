/** What a client is started with, so that it finds its way by itself. */
export interface PreparedClient {
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly cleanUp: () => void
}

/** How to connect, for people and for programs. */
export interface HowToConnect {
  readonly lines: readonly string[]
  readonly json: Readonly<Record<string, unknown>>
}
