//! Every page with every sample in every language: shape, accessibility, policy, escaping, texts.

mod contrast;
mod html;
mod pages;
mod samples;
mod texts;
