/** What the last channel of an exec or attach carries: how it ended, as a Status. */
export type ExecStatus =
  | { readonly type: 'exit'; readonly code: number }
  /** It could not be run, or nobody knows how it ended; the message is for people. */
  | { readonly type: 'failure'; readonly message: string }

/** Undefined for what is no Status: who reads it could not tell either. */
export function decodeExecStatus(bytes: Buffer): ExecStatus | undefined {
  const status = parsed(bytes)
  if (status?.status === 'Success') return { type: 'exit', code: 0 }
  if (status?.status !== 'Failure') return undefined
  if (status.reason === 'NonZeroExitCode') {
    const cause = status.details?.causes?.find((one) => one?.reason === 'ExitCode')?.message
    return typeof cause === 'string' && /^\d{1,3}$/.test(cause) ? { type: 'exit', code: Number(cause) } : undefined
  }
  return { type: 'failure', message: typeof status.message === 'string' ? status.message : '' }
}

export function encodeExecStatus(status: ExecStatus): Buffer {
  const base = { metadata: {} }
  if (status.type === 'failure')
    return json({ ...base, status: 'Failure', message: status.message, reason: 'InternalError', code: 500 })
  if (status.code === 0) return json({ ...base, status: 'Success' })
  return json({
    ...base,
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${status.code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(status.code) }] },
  })
}

/** `{"Width":80,"Height":24}`. Source: k8s.io/client-go/tools/remotecommand, TerminalSize. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export function decodeTerminalSize(bytes: Buffer): TerminalSize | undefined {
  const match = /^\s*\{\s*"Width"\s*:\s*(\d{1,5})\s*,\s*"Height"\s*:\s*(\d{1,5})\s*\}\s*$/.exec(
    bytes.toString('latin1'),
  )
  const [columns = 0, rows = 0] = (match?.slice(1) ?? []).map(Number)
  return match === null || columns > MAX_UINT16 || rows > MAX_UINT16 ? undefined : { columns, rows }
}

export const encodeTerminalSize = ({ columns, rows }: TerminalSize): Buffer =>
  Buffer.from(`{"Width":${columns},"Height":${rows}}\n`)

interface Status {
  readonly status?: unknown
  readonly reason?: unknown
  readonly message?: unknown
  readonly details?: { readonly causes?: readonly ({ readonly reason?: unknown; readonly message?: unknown } | null)[] }
}

function parsed(bytes: Buffer): Status | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
const MAX_UINT16 = 65_535
