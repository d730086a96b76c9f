import type { LocalHalf } from '../local-half.ts'
import { encodeAnnouncement } from './local/announcement.ts'
import { HttpProgress } from './local/progress.ts'
import { refuseHttp } from './local/refuse.ts'
import { problemAnswer } from './problem.ts'

const refuse = refuseHttp(problemAnswer)

export const httpLocal: LocalHalf = {
  socketName: () => 'http.sock',
  refuse,
  follow: () => new HttpProgress(refuse),
  announce: encodeAnnouncement,
}
