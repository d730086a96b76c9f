import type { LocalHalf } from '../local-half.ts'
import { refuse } from './local/refuse.ts'

export const sshLocal: LocalHalf = {
  socketName: () => 'socket',
  refuse,
}
