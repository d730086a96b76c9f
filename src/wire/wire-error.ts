/** A peer sent bytes that its protocol does not allow. Codecs throw nothing else. */
export class WireError extends Error {
  readonly kind: 'violation' | 'too-large'

  constructor(message: string, kind: 'violation' | 'too-large' = 'violation') {
    super(message)
    this.name = 'WireError'
    this.kind = kind
  }
}
