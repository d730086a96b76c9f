import type { Session } from '../../../src/api/schemas/session.ts'

/** The gateway counts commands in memory: of a session that was open when it stopped, the number is not known. */
export const isCounted = ({ commands, ended }: Pick<Session, 'commands' | 'ended'>): boolean =>
  commands > 0 || ended?.code !== 'GATEWAY_STOPPED'

export const NOT_COUNTED = 'not counted: the gateway stopped'
