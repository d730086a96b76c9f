import 'asciinema-player/dist/bundle/asciinema-player.css'

export { create } from 'asciinema-player'
