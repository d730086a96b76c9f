import { WireError } from '../../../wire/wire-error.ts'
import { byteAt } from '../../../wire/byte-at.ts'

/** The streams of exec and attach, by number. Source: k8s.io/apimachinery/pkg/util/remotecommand/constants.go. */
export const CHANNELS = ['stdin', 'stdout', 'stderr', 'error', 'resize'] as const
export type ChannelName = (typeof CHANNELS)[number]

/** One message of the sub-protocols `v4.channel.k8s.io` and `v5.channel.k8s.io`: which channel, and what is written to it. */
export type ChannelMessage =
  | { readonly type: 'data'; readonly channel: ChannelName; readonly bytes: Buffer }
  /** No more comes on this channel. Since v5. */
  | { readonly type: 'end'; readonly channel: ChannelName }
  /** A message without a channel, which servers take no notice of. */
  | { readonly type: 'empty' }

export function decodeChannelMessage(payload: Buffer, version: 4 | 5): ChannelMessage {
  const [first] = payload
  if (first === undefined) return { type: 'empty' }
  if (first === END && version === 5) {
    if (payload.length !== 2) throw new WireError('the end of a channel names one channel')
    return { type: 'end', channel: channelOf(byteAt(payload, 1)) }
  }
  return { type: 'data', channel: channelOf(first), bytes: payload.subarray(1) }
}

export const encodeChannelData = (channel: ChannelName, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.of(CHANNELS.indexOf(channel)), bytes])

export const encodeChannelEnd = (channel: ChannelName): Buffer => Buffer.of(END, CHANNELS.indexOf(channel))

function channelOf(number: number): ChannelName {
  const channel = CHANNELS[number]
  if (channel === undefined) throw new WireError(`there is no channel ${number}`)
  return channel
}

const END = 255
