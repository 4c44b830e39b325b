// Package spm is the SentencePiece BPE tokenizer of Gemma and PaliGemma.
//
// Text becomes ids in four steps, as in SentencePiece's bpe::Model:
//
//  1. Normalize: each invalid UTF-8 byte becomes U+FFFD, each space becomes
//     "▁" (U+2581). Nothing is put in front, nothing is stripped.
//  2. Split into symbols: from left to right the longest user-defined piece,
//     such as "<loc0512>" or a run of newlines, else one character.
//  3. Merge: while two neighbours that are not user-defined spell a piece
//     together, merge the pair of the highest score, the leftmost on a tie.
//  4. Look up: a symbol that is not a piece becomes its UTF-8 bytes, one byte
//     piece each, so no text ever encodes to the unknown id.
//
// Tokens that a fine-tuning added ([Vocabulary.Add]) are cut out of the text
// first, as Hugging Face's tokenizers do it, and the steps work on the text
// between them. Tokens with the flag "normalized" are found after step 1, all
// others before it.
//
// Control pieces are never found in text: "<bos>" typed by a user is five
// characters like any others. A caller adds the ids of control pieces itself.
//
// A [Vocabulary] is plain data and comes from GGUF metadata, from [ParseModel]
// (SentencePiece's tokenizer.model) or from [ParseTokenizerJSON] (Hugging
// Face's tokenizer.json). All three lead to the same ids. The parsers refuse a
// tokenizer that prepares its text in another way than step 1, so the
// normalizer's flags are constants: add_dummy_prefix and
// remove_extra_whitespaces are false, escape_whitespaces is true.
package spm
