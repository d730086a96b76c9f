import type { LocalHalf } from '../local-half.ts'
import { encodeAnnouncement } from '../http/local/announcement.ts'
import { HttpProgress } from '../http/local/progress.ts'
import { refuseHttp } from '../http/local/refuse.ts'
import { textAnswer } from './status.ts'

const refuse = refuseHttp(textAnswer)

export const kubernetesLocal: LocalHalf = {
  socketName: () => 'kubernetes.sock',
  refuse,
  follow: () => new HttpProgress(refuse),
  tls: ['h2', 'http/1.1'],
  announce: encodeAnnouncement,
}
