import { defineConfig } from "vite";

// `npm run dev` serves the sources and hands everything else to a running `motia-actors dev`.
const backend = process.env.MOTIA_URL ?? "http://127.0.0.1:3000";

export default defineConfig({
  base: "/__workbench/",
  build: { target: "es2022", sourcemap: false, modulePreload: { polyfill: false } },
  server: { proxy: { "^/(?!__workbench)": backend } },
});
