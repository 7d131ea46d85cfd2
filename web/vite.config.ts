import adapter from '@sveltejs/adapter-node'
import { sveltekit } from '@sveltejs/kit/vite'
import tailwindcss from '@tailwindcss/vite'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [
    tailwindcss(),
    sveltekit({
      adapter: adapter(),
      compilerOptions: { runes: true },
      csp: {
        mode: 'auto',
        directives: {
          'default-src': ['none'],
          'script-src': ['self'],
          // Svelte's style attributes and the editor's style sheets.
          'style-src': ['self', 'unsafe-inline'],
          'img-src': ['self', 'data:'],
          'font-src': ['self'],
          'connect-src': ['self'],
          'manifest-src': ['self'],
          'form-action': ['self'],
          'frame-ancestors': ['none'],
          'base-uri': ['none'],
        },
      },
    }),
  ],
  build: {
    rolldownOptions: {
      // One file for all icons: a request for each costs more than they do.
      output: {
        codeSplitting: {
          groups: [{ name: 'icons', test: /@lucide[\\/]svelte/ }],
        },
      },
    },
  },
  server: { host: '127.0.0.1', port: 3000, strictPort: true },
})
