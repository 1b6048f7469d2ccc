import { createRoot } from "react-dom/client";
import { App } from "./App";
import "@xyflow/react/dist/style.css";
import "./styles/base.css";
import "./styles/panels.css";
import "./styles/flows.css";

const place = document.getElementById("root");
if (place) createRoot(place).render(<App />);
