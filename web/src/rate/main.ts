// SPDX-License-Identifier: Apache-2.0
// The page of people who were invited by a link to rate. A bundle of its own: it knows nothing of the rest.
import { mount } from "svelte";
import { use_session } from "../services/session";
import { locale } from "../stores/locale.svelte";
import "../styles/tokens.css";
import "../styles/base.css";
import Rate from "./Rate.svelte";

// A browser may have come to several: the address says which one this is, and each has a session of its own.
use_session(`rater.${/^\/rate\/(\d+)/.exec(location.pathname)?.[1] ?? ""}`);
const target = document.getElementById("app");
if (target) void locale.ready().then(() => mount(Rate, { target }));
