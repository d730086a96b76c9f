import { render } from 'preact'
import { askWhoIsSignedIn } from '../lib/client.ts'
import { App } from './shell.tsx'
import './styles.css'

const root = document.getElementById('app')
if (root !== null) {
  root.textContent = ''
  render(<App />, root)
}
void askWhoIsSignedIn()
